-- Of a message that is held since its bulk is paused: when it would have been due. It is due at its end instead.
ALTER TABLE message ADD COLUMN resumes_at DOUBLE PRECISION;

CREATE INDEX message_bulk_open ON message (account_id, bulk_id, state, due_at)
    WHERE bulk_id IS NOT NULL AND done_at IS NULL;

-- What was said of a bulk after it was handed in; a bulk of which nothing was said has no row.
CREATE TABLE bulk (
    account_id BIGINT NOT NULL,
    bulk_id TEXT NOT NULL,
    state SMALLINT NOT NULL,                   -- 0 it goes on, 1 paused, 2 canceled
    send_at DOUBLE PRECISION NOT NULL,         -- when what of it waits is due, or would be
    moving SMALLINT NOT NULL,                  -- 1: what of it waits has still to be brought to send_at
    up_to BIGINT NOT NULL,                     -- a message's id: what came later is not canceled, nor brought to send_at
    number BIGINT NOT NULL,                    -- from the sequence of messages: no two changes have the same
    open SMALLINT NOT NULL,                    -- 1: nodes have to heed it; 0: all that follows from it is done
    changed_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account_id, bulk_id)
) {clustered};
CREATE UNIQUE INDEX bulk_number ON bulk (number);
CREATE INDEX bulk_open ON bulk (account_id) WHERE open = 1;
CREATE INDEX bulk_closed ON bulk (changed_at) WHERE open = 0;

-- Answers to requests that had a key of the client's own, for when such a request is repeated.
CREATE TABLE repetition (
    id {id},
    account_id BIGINT NOT NULL,
    request_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,                 -- of the whole request: a key is good for one
    answer TEXT NOT NULL,                      -- JSON
    stored_at DOUBLE PRECISION NOT NULL
);
CREATE UNIQUE INDEX repetition_key ON repetition (account_id, request_key);
CREATE INDEX repetition_stored ON repetition (stored_at);
