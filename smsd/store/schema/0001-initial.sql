-- Times are seconds since 1970-01-01 UTC. {key} is the engine's phrase for a primary key that numbers itself,
-- {id} its phrase for one that is given, {clustered} its phrase for a table that is kept in its primary key.

-- Who may bind and call the HTTP API.
CREATE TABLE account (
    id {key},
    system_id TEXT NOT NULL UNIQUE,            -- the name for SMPP binds and for HTTP Basic authorization
    password TEXT NOT NULL,                    -- an argon2id hash in its standard text form
    enabled SMALLINT NOT NULL,
    sessions INTEGER NOT NULL,                 -- how many SMPP sessions may be bound at once
    binds TEXT NOT NULL,                       -- the kinds of bind allowed, e.g. 'transmitter receiver transceiver'
    addresses TEXT NOT NULL,                   -- the networks it may bind from, e.g. '192.0.2.0/24 2001:db8::/32'; '': any
    tls SMALLINT NOT NULL,                     -- 1: it may bind over TLS only
    certificate TEXT NOT NULL,                 -- the common name that its client certificate must have; '': it needs none
    throughput INTEGER NOT NULL,               -- messages a second; 0: no limit
    unanswered INTEGER NOT NULL,               -- submit_sm of a session without an answer; 0: the node's own limit
    queue INTEGER NOT NULL,                    -- messages that may wait to be sent; 0: no limit
    standard_receipts SMALLINT NOT NULL,       -- 1: receipts as in SMPP 3.4 appendix B, 0: the platform's own line
    receipts_to_submitter SMALLINT NOT NULL,   -- 1: to the session that submitted, if it can take them; 0: to all in turn
    country TEXT NOT NULL,                     -- the calling code of its national numbers (TON 2); '': it has none
    currency TEXT NOT NULL                     -- ISO 4217, of the prices in this account's reports
);

-- What accounts that pay in advance have left; all others pay later.
CREATE TABLE credit (
    account_id BIGINT PRIMARY KEY,
    micros BIGINT NOT NULL                     -- millionths of the account's currency
);

-- The ways to operators.
CREATE TABLE channel (
    id {key},
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,                        -- 'smpp' or 'simulator'
    enabled SMALLINT NOT NULL,
    alphabets TEXT NOT NULL,                   -- what its operator can take, e.g. 'gsm7 latin1 ucs2'
    options TEXT NOT NULL                      -- JSON: the settings of this kind of channel
);

-- Which channel a message takes: the longest prefix wins, an account's own route before everybody's.
CREATE TABLE route (
    id {key},
    account_id BIGINT REFERENCES account (id), -- NULL: a route for every account
    code TEXT NOT NULL,                        -- only for sessions that ask for it by system_type; '': for all others
    prefix TEXT NOT NULL,                      -- leading digits of the destination; '' is every destination
    channel_id BIGINT NOT NULL REFERENCES channel (id),
    price TEXT NOT NULL                        -- an exact decimal, per segment, in the account's currency
);

-- Whose the numbers are: what subscribers send to one goes to its account.
CREATE TABLE number (
    id {key},
    number TEXT NOT NULL,                      -- digits: an international number, or a short code
    keyword TEXT NOT NULL,                     -- the first word of the texts meant, in capitals; '': of all that no other
                                               -- keyword of the number claims
    account_id BIGINT NOT NULL REFERENCES account (id),
    delivery TEXT NOT NULL,                    -- 'smpp': to its sessions; 'inbox': to be fetched over HTTP
    UNIQUE (number, keyword)
);

-- A message from its acceptance to its last report.
CREATE TABLE message (
    id {id},
    account_id BIGINT NOT NULL,
    channel_id BIGINT,                         -- NULL: refused before it had a route
    state SMALLINT NOT NULL,                   -- 0 gathering, 1 scheduled, 2 queued, 3 sent, 4 final
    priority SMALLINT NOT NULL,                -- 0 to 3; of an account's messages the higher ones are sent first
    bulk_id TEXT,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,                 -- E.164 digits; for a refused message as the client gave it
    segments INTEGER NOT NULL,
    accepted_at DOUBLE PRECISION NOT NULL,
    due_at DOUBLE PRECISION NOT NULL,          -- when it is to be sent first, or tried again
    expires_at DOUBLE PRECISION NOT NULL,      -- the end of its validity
    attempts INTEGER NOT NULL DEFAULT 0,       -- how often an operator refused it for the time being
    sent_at DOUBLE PRECISION,                  -- when the operator had taken all its segments
    done_at DOUBLE PRECISION,                  -- when it became final
    status SMALLINT NOT NULL,                  -- a message status id, e.g. 5 DELIVERED_TO_HANDSET
    error INTEGER NOT NULL DEFAULT 0,          -- a GSM error code
    report SMALLINT NOT NULL,                  -- still owed once final: 0 nothing, 1 a receipt, 2 to be fetched, 3 a receipt
                                               -- set aside, since sessions break on it or refuse it
    reported_at DOUBLE PRECISION,              -- when the client acknowledged or fetched its report
    price TEXT NOT NULL,                       -- per segment
    content TEXT NOT NULL,                     -- JSON array: everything that only sending needs
    client_id TEXT                             -- the client's own id for it; NULL: it has given none
);
CREATE UNIQUE INDEX message_client ON message (account_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX message_queued ON message (channel_id, account_id, priority, id) WHERE state = 2;
CREATE INDEX message_due ON message (due_at) WHERE state < 2;
CREATE INDEX message_expiring ON message (expires_at) WHERE state < 4;
CREATE INDEX message_report_owed ON message (account_id, report, done_at) WHERE state = 4 AND report > 0;

-- What an operator calls a segment it has taken: the key under which its receipt is found.
CREATE TABLE segment (
    channel_id BIGINT NOT NULL,
    operator_id TEXT NOT NULL,
    message_id BIGINT NOT NULL,
    number INTEGER NOT NULL,                   -- 1 to n; 0 for the only segment of a message
    status SMALLINT,                           -- its final status, for a segment of several
    error INTEGER,
    PRIMARY KEY (channel_id, operator_id)
) {clustered};
CREATE INDEX segment_of_several ON segment (message_id) WHERE number > 0;

-- A part of a long message whose other parts have not all come in yet.
CREATE TABLE fragment (
    message_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,                        -- base64
    PRIMARY KEY (message_id, number)
);

-- What a subscriber has sent: a message, or a segment of one, as it came from the operator.
CREATE TABLE received (
    id {id},                                   -- from the same sequence as a message's
    account_id BIGINT NOT NULL,                -- 0 while it is not known whose it is
    channel_id BIGINT NOT NULL,
    state SMALLINT NOT NULL,                   -- 0 a segment whose message is not complete, 1 owed to SMPP sessions, 2 to be
                                               -- fetched, 3 set aside, 4 done, 5 a segment whose text is in another row,
                                               -- 6 a segment of a message that is nobody's
    source TEXT NOT NULL,                      -- a number's digits, or what else the sender is
    destination TEXT NOT NULL,                 -- the digits of the number that it was sent to
    keyword TEXT NOT NULL,                     -- the number's keyword with which the text begins; '': none
    text TEXT NOT NULL,                        -- the whole text; '' for a segment
    segments INTEGER NOT NULL,
    received_at DOUBLE PRECISION NOT NULL,
    done_at DOUBLE PRECISION,                  -- when its account had it, or it ended otherwise
    original TEXT NOT NULL                     -- JSON array: SMPP's fields as they came
);
CREATE INDEX received_owed ON received (account_id, state, id) WHERE done_at IS NULL;
