-- Numbers that are looked up before their messages are routed.

ALTER TABLE account ADD COLUMN lookup_first SMALLINT NOT NULL DEFAULT 0;   -- 1: the numbers of all its messages
ALTER TABLE route ADD COLUMN lookup SMALLINT NOT NULL DEFAULT 0;           -- 1: those of messages that would take this route
                                                                           -- or one that equals it
-- Beyond what 0011 says of a lookup's way: 3, a message was routed by the answer.
