-- What may not be sent, or only then, or only by whom: lists, and what accounts are held to.

-- Numbers, senders and words that are on a list.
CREATE TABLE list_entry (
    list TEXT NOT NULL,                        -- the list's name, e.g. 'dnd'
    account_id BIGINT NOT NULL,                -- whose list it is; 0: everybody's
    value TEXT NOT NULL,                       -- digits, a sender or a phrase in the form in which it is compared
    version BIGINT NOT NULL,                   -- of all lists, when this entry was last changed
    gone SMALLINT NOT NULL,                    -- 1: it was removed, which running nodes have to hear
    changed_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (list, account_id, value)
) {clustered};
CREATE INDEX list_entry_changed ON list_entry (version, list, account_id, value);
CREATE INDEX list_entry_gone ON list_entry (changed_at) WHERE gone = 1;

-- The version of all lists; whoever changes one counts it up first, and so waits for who did so before.
CREATE TABLE list_version (
    number BIGINT NOT NULL
);
INSERT INTO list_version (number) VALUES (0);

ALTER TABLE account ADD COLUMN senders TEXT NOT NULL DEFAULT 'any';        -- 'listed': only those of its list of senders
ALTER TABLE account ADD COLUMN destinations TEXT NOT NULL DEFAULT 'any';   -- 'listed': only those of its list of destinations
ALTER TABLE account ADD COLUMN repeat_after INTEGER NOT NULL DEFAULT 0;    -- seconds until a number may get the same text again
ALTER TABLE account ADD COLUMN minute_limit INTEGER NOT NULL DEFAULT 0;    -- messages to one number within a minute; 0: no limit
ALTER TABLE account ADD COLUMN hour_limit INTEGER NOT NULL DEFAULT 0;      -- messages to one number within an hour; 0: no limit
ALTER TABLE account ADD COLUMN hours TEXT NOT NULL DEFAULT '';             -- when it may be sent for, e.g. '08:00-21:00 Europe/Zagreb'
ALTER TABLE account ADD COLUMN approval TEXT NOT NULL DEFAULT '';          -- what waits for approval: 'everything', 'texts',
                                                                           -- 'bulks:1000'

-- Beyond what 0001 says of a message that is not final: status 1, it waits for its account's hours; 27, for
-- approval; 28, it was not approved and has to be ended. Neither of the last two is due.
DROP INDEX message_due;
CREATE INDEX message_due ON message (due_at) WHERE state < 2 AND status < 27;
CREATE INDEX message_approval ON message (status, id, account_id) WHERE state < 2 AND status >= 27;
