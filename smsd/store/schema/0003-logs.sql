-- What clients look up in the logs, and what is removed when its time is over.

-- Which network the numbers with a prefix belong to.
CREATE TABLE network (
    id {key},
    prefix TEXT NOT NULL UNIQUE,               -- leading digits of an international number; the longest that fits counts
    mccmnc TEXT NOT NULL,                      -- the country's three digits (MCC), then the network's two or three (MNC)
    name TEXT NOT NULL                         -- what people call it; '': not said
);

ALTER TABLE message ADD COLUMN network TEXT NOT NULL DEFAULT '';           -- the destination's MCC and MNC; '': unknown
ALTER TABLE message ADD COLUMN log_at BIGINT NOT NULL DEFAULT 0;           -- when it is, or was, to be sent first, in
                                                                           -- milliseconds: the time clients know it by
ALTER TABLE message ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;            -- log_at in units of five minutes
ALTER TABLE message ADD COLUMN status_group SMALLINT NOT NULL DEFAULT 1;   -- 1 pending; of a final message its status's:
                                                                           -- 2 undeliverable, 3 delivered, 4 expired, 5 rejected
UPDATE message SET log_at = CAST(accepted_at * 1000 AS BIGINT);
UPDATE message SET log_at = CAST(due_at * 1000 AS BIGINT) WHERE state < 2 AND attempts = 0;
UPDATE message SET slot = log_at / 300000;
UPDATE message SET status_group = CASE WHEN status IN (2, 5, 30) THEN 3 WHEN status IN (4, 9, 31) THEN 2
    WHEN status IN (15, 22, 29) THEN 4 ELSE 5 END WHERE state = 4;

-- Each begins with the slot, so that what is stored and what is removed touches a small region of each index, whatever
-- the size of the table. A page is read slot by slot. By its status a message is found once that is final: it then has
-- an entry that never changes.
CREATE INDEX message_log_destination ON message (slot, account_id, destination);
CREATE INDEX message_log_pending ON message (slot, account_id, source, network) WHERE status_group = 1;
CREATE INDEX message_log_status ON message (slot, account_id, status_group, source, network) WHERE state = 4;
CREATE INDEX message_log_network ON message (slot, account_id, status_group, network) WHERE state = 4;
CREATE INDEX message_log_bulk ON message (account_id, bulk_id, log_at) WHERE bulk_id IS NOT NULL;
CREATE INDEX message_done ON message (slot) WHERE state = 4 AND report = 0;

-- A message is removed with all its segments, also with the only one.
DROP INDEX segment_of_several;
CREATE INDEX segment_of_message ON segment (message_id);

CREATE INDEX received_log ON received (account_id, received_at);
CREATE INDEX received_log_destination ON received (account_id, destination, received_at);
CREATE INDEX received_log_keyword ON received (account_id, keyword, received_at);
CREATE INDEX received_done ON received (received_at) WHERE done_at IS NOT NULL;
CREATE INDEX received_waiting ON received (received_at) WHERE done_at IS NULL;
