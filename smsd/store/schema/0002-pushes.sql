-- What is to be sent to clients' URLs, and tried again until they have it or time is up.
CREATE TABLE push (
    id {id},                                   -- of a final report or a received message its own, else from the same sequence
    account_id BIGINT NOT NULL,
    lane BIGINT NOT NULL,                      -- a hash of account and URL without its query: what is sent in turn
    kind SMALLINT NOT NULL,                    -- 1 a final report, 2 an intermediate report, 3 a received message
    subject BIGINT NOT NULL,                   -- the id of the message or received message
    url TEXT NOT NULL,                         -- as the client gave it: for received messages with its placeholders
    form SMALLINT NOT NULL,                    -- 0 POST of JSON, 1 POST of XML, 2 GET, 3 POST of a form
    error INTEGER NOT NULL,                    -- of an intermediate report: the GSM error code
    created_at DOUBLE PRECISION NOT NULL,      -- when it was first due
    attempts INTEGER NOT NULL,                 -- how often it was tried in vain
    due_at DOUBLE PRECISION NOT NULL,
    failure TEXT NOT NULL                      -- why the last attempt was in vain; '': there was none
);
CREATE INDEX push_lane ON push (lane, due_at, id);
CREATE INDEX push_again ON push (due_at) WHERE attempts > 0;

-- Where a number's messages are pushed to, if its delivery is 'push': a URL with placeholders, and how.
ALTER TABLE number ADD COLUMN url TEXT NOT NULL DEFAULT '';
ALTER TABLE number ADD COLUMN method TEXT NOT NULL DEFAULT 'GET';

-- Beyond the values that 0001 names: message.report 4, a report that is being pushed (2 while it waits to be
-- pushed again, since it may be fetched then), and received.state 7, a message that is being pushed (2 likewise).
