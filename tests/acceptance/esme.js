// Binds to argv[2] (smpp://… or ssmpp://…), sends a short and a long message, waits for the receipts of both,
// prints what it got as one JSON object.
const smpp = require('smpp');

const result = {bind: null, ids: [], receipts: {}, enquire: null, unbind: null};
const session = smpp.connect({url: process.argv[2], rejectUnauthorized: false}, () => {
  session.bind_transceiver({system_id: 'demo', password: process.argv[3]}, (bound) => {
    result.bind = bound.command_status;
    if (bound.command_status) return finish();
    const message = {source_addr: 'smsd', source_addr_ton: 5, destination_addr: '385910000001', dest_addr_ton: 1,
      dest_addr_npi: 1, registered_delivery: 1};
    const submitted = (answer) => { if (answer.command_status) finish(); else result.ids.push(answer.message_id); };
    session.submit_sm({...message, short_message: 'Hello'}, submitted);
    session.submit_sm({...message, message_payload: {message: 'A long text. '.repeat(40)}}, submitted);
  });
});
session.on('deliver_sm', (pdu) => {
  session.send(pdu.response());
  result.receipts[pdu.receipted_message_id] = [pdu.esm_class, pdu.message_state, pdu.short_message.message];
  if (Object.keys(result.receipts).length < 2) return;
  session.enquire_link((answer) => {
    result.enquire = answer.command_status;
    session.unbind((last) => { result.unbind = last.command_status; finish(); });
  });
});
session.on('error', (error) => { result.error = String(error); finish(); });
setTimeout(() => { result.error = 'too slow'; finish(); }, 10000);

function finish() {
  console.log(JSON.stringify(result));
  process.exit(0);
}
