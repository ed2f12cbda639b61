-- What messages cost, and what accounts have left.

-- What a segment costs, wherever it differs from the route's price: the narrowest row that fits counts.
CREATE TABLE price (
    id {key},
    account_id BIGINT REFERENCES account (id) ON DELETE CASCADE, -- NULL: for every account
    currency TEXT NOT NULL,                    -- of every account that has it; '': of any, and of an account's own price
    country TEXT NOT NULL,                     -- of the destination: ISO 3166, two capitals; '': any
    network TEXT NOT NULL,                     -- of the destination: its MCC and MNC, or its MCC alone; '': any
    price TEXT NOT NULL                        -- an exact decimal, in the account's currency
);
CREATE UNIQUE INDEX price_scope ON price (coalesce(account_id, 0), currency, country, network);

-- One row: it grows with each change of prices, so that nodes read them only then.
CREATE TABLE price_version (version BIGINT NOT NULL);
INSERT INTO price_version VALUES (0);

ALTER TABLE account ADD COLUMN package_until BIGINT NOT NULL DEFAULT 0;    -- when its package ends; 0: it has none
ALTER TABLE account ADD COLUMN refund TEXT NOT NULL DEFAULT 'unsent';      -- what is given back: 'unsent' what no operator took,
                                                                           -- 'undelivered' also what did not arrive, 'nothing'

ALTER TABLE message ADD COLUMN charged BIGINT NOT NULL DEFAULT 0;          -- millionths that it has cost: 0 if it was refused,
                                                                           -- or once they are given back

-- A row of credit is the balance of an account from its first cost or credit on; micros may be below 0.
ALTER TABLE credit ADD COLUMN bound BIGINT;                                -- how far messages may take it below 0; NULL: it pays
                                                                           -- later, and they may take any
-- What the last message has left above the bound: a transaction with messages that are not covered fails by it.
ALTER TABLE credit ADD COLUMN room BIGINT CONSTRAINT covered CHECK (room >= 0);

-- All that has ever changed a balance: its sum is the balance.
CREATE TABLE ledger (
    account_id BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,              -- of messages the beginning of the hour
    kind SMALLINT NOT NULL,                    -- 1 messages, 2 refunds of messages: each the sum of an hour;
                                               -- 3 a credit or a correction, 4 another limit, 5 an opening balance
    number BIGINT NOT NULL,                    -- 0 for the sum of an hour; else of the account's entries
    micros BIGINT NOT NULL,                    -- what it has added to the balance
    messages BIGINT NOT NULL,                  -- how many messages
    note TEXT NOT NULL,                        -- who has made it, and why
    balance BIGINT,                            -- after it; NULL for the sum of an hour
    PRIMARY KEY (account_id, at, kind, number)
) {clustered};

-- What was accepted before has cost its price; accounts begin with what they have left, or owe.
UPDATE message SET charged = CAST(round(CAST(price AS NUMERIC) * 1000000) AS BIGINT) * segments
    WHERE NOT (state = 4 AND status_group = 5) AND state > 0;
UPDATE credit SET bound = 0;
INSERT INTO credit (account_id, micros) SELECT account_id, -sum(charged) FROM message WHERE charged > 0
    AND account_id NOT IN (SELECT account_id FROM credit) GROUP BY account_id;
INSERT INTO ledger (account_id, at, kind, number, micros, messages, note, balance)
    SELECT account_id, 0, 5, 1, micros, 0, 'the ledger begins', micros FROM credit;
