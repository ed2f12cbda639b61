-- Routes with conditions, and what becomes of messages whose channel can't have them.

-- A route that leads nowhere refuses messages: it has no channel.
ALTER TABLE route ADD COLUMN leads_to BIGINT REFERENCES channel (id);
UPDATE route SET leads_to = channel_id;
ALTER TABLE route DROP COLUMN channel_id;
ALTER TABLE route RENAME COLUMN leads_to TO channel_id;
ALTER TABLE route ADD COLUMN country TEXT NOT NULL DEFAULT '';             -- of the destination, ISO 3166's two letters; '': any
ALTER TABLE route ADD COLUMN network TEXT NOT NULL DEFAULT '';             -- of the destination, MCC and MNC or an MCC; '': any
ALTER TABLE route ADD COLUMN sender TEXT NOT NULL DEFAULT '';              -- whole, or how it begins and '*'; '': any
ALTER TABLE route ADD COLUMN type TEXT NOT NULL DEFAULT '';                -- 'text', 'binary' or 'flash'; '': any
ALTER TABLE route ADD COLUMN hours TEXT NOT NULL DEFAULT '';               -- e.g. 'mon-fri 08:00-20:00 Europe/Zagreb'; '': always
ALTER TABLE route ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;          -- the higher ones come first
ALTER TABLE route ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;            -- its share among routes that are equal otherwise
ALTER TABLE route ADD COLUMN cost TEXT NOT NULL DEFAULT '0';               -- an exact decimal, per segment: what the operator asks
ALTER TABLE route ADD COLUMN action TEXT NOT NULL DEFAULT 'send';          -- 'send'; 'forbid': REJECTED_NETWORK;
                                                                           -- 'unreachable': REJECTED_NOT_REACHABLE

ALTER TABLE message ADD COLUMN route_id BIGINT;                            -- the route it has taken last; NULL: none
ALTER TABLE message ADD COLUMN cost TEXT NOT NULL DEFAULT '0';             -- that route's, per segment
ALTER TABLE message ADD COLUMN tried TEXT NOT NULL DEFAULT '';             -- the channels that would not have it, before the
                                                                           -- present one: ids, with blanks between them

-- Whether a channel has been down for so long that messages go elsewhere, if they can.
ALTER TABLE channel_state ADD COLUMN away SMALLINT NOT NULL DEFAULT 0;
