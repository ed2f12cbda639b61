-- Number lookup: who may ask, whom smsd asks, what was asked and answered, and what is known of numbers.

ALTER TABLE account ADD COLUMN lookups TEXT NOT NULL DEFAULT '';           -- the package: '' none, 'cleaning', 'portability'
                                                                           -- or 'roaming': which fields it gets
ALTER TABLE account ADD COLUMN lookup_price TEXT NOT NULL DEFAULT '0';     -- an exact decimal, per number

-- Who can be asked about numbers.
CREATE TABLE lookup_back_end (
    id {key},
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    enabled SMALLINT NOT NULL,
    timeout INTEGER NOT NULL,                  -- milliseconds for an answer, the wait for a turn included
    rate INTEGER NOT NULL,                     -- questions a second; 0: no limit
    at_once INTEGER NOT NULL,                  -- questions that may be unanswered
    options TEXT NOT NULL                      -- JSON: the settings of this kind of back end
);

-- Whom to ask about which numbers: the first rule that fits, by place and then by id.
CREATE TABLE lookup_rule (
    id {key},
    place INTEGER NOT NULL,
    account_id BIGINT REFERENCES account (id), -- NULL: every account
    package TEXT NOT NULL,                     -- '': every package
    prefix TEXT NOT NULL,                      -- leading digits of the number; '': every number
    country TEXT NOT NULL,                     -- ISO 3166-1, two letters; '': every country
    back_ends TEXT NOT NULL                    -- names, separated by blanks, in the order in which they are asked
);

-- What clients have asked.
CREATE TABLE lookup (
    id {id},                                   -- from the same sequence as a message's
    account_id BIGINT NOT NULL,
    state SMALLINT NOT NULL,                   -- 0 asked, 1 answered
    way SMALLINT NOT NULL,                     -- how the answer goes out: 0 at once, 1 to SMPP sessions, 2 by a push
    report SMALLINT NOT NULL,                  -- 0 nothing is owed, 1 the answer is owed to SMPP sessions, 3 it is set aside
    bulk_id TEXT,
    number TEXT NOT NULL,                      -- E.164 digits
    package TEXT NOT NULL,
    asked_at DOUBLE PRECISION NOT NULL,
    done_at DOUBLE PRECISION,
    status SMALLINT NOT NULL,                  -- a message status id
    error INTEGER NOT NULL,                    -- a GSM error code
    network TEXT NOT NULL,                     -- MCC and MNC of the network that has the number; '': unknown
    price TEXT NOT NULL,
    notify_url TEXT NOT NULL,                  -- where the answer is pushed to; '': nowhere
    notify_xml SMALLINT NOT NULL,              -- 1: in XML, 0: in JSON
    charged BIGINT NOT NULL,                   -- millionths that it has cost: 0 once they are given back
    found TEXT NOT NULL                        -- JSON array: what was found, and of whom
);
CREATE INDEX lookup_log ON lookup (account_id, id);
CREATE INDEX lookup_number ON lookup (account_id, number, id);
CREATE INDEX lookup_bulk ON lookup (account_id, bulk_id, id) WHERE bulk_id IS NOT NULL;
CREATE INDEX lookup_pending ON lookup (id) WHERE state = 0;
CREATE INDEX lookup_owed ON lookup (report, account_id, id) WHERE report > 0;

-- What back ends have lately said of numbers, for all nodes; a class of fields is known from one back end at one time.
CREATE TABLE lookup_known (
    number BIGINT NOT NULL,
    class SMALLINT NOT NULL,                   -- 1 the original network, 2 portability, 3 the subscription, 4 its presence
    source TEXT NOT NULL,                      -- the back end
    known_at DOUBLE PRECISION NOT NULL,
    fields TEXT NOT NULL,                      -- JSON: what it said
    PRIMARY KEY (number, class)
) {clustered};
CREATE INDEX lookup_known_age ON lookup_known (known_at);

-- Tables of subscribers that the operator imports; one is replaced by the next with a change of its version.
CREATE TABLE subscriber_table (
    id {key},
    name TEXT NOT NULL UNIQUE,
    version BIGINT NOT NULL,                   -- of the rows in use; 0: there are none yet
    newest BIGINT NOT NULL,                    -- the last version that an import has begun
    count BIGINT NOT NULL,                     -- rows in use
    imported_at DOUBLE PRECISION NOT NULL
);
CREATE TABLE subscriber (
    table_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    number BIGINT NOT NULL,                    -- the MSISDN
    imsi TEXT NOT NULL,                        -- '': not known
    msc TEXT NOT NULL,                         -- the address of the MSC that serves it; '': not known
    error INTEGER NOT NULL,                    -- a GSM error code: 0 it can be reached
    PRIMARY KEY (table_id, version, number)
) {clustered};
