-- What a channel may do at the moment, and what has become of it.
ALTER TABLE channel ADD COLUMN mode TEXT NOT NULL DEFAULT 'normal';        -- 'suspended': it sends nothing, and what is accepted waits;
                                                                           -- 'draining': it sends what it has, and takes nothing new
CREATE TABLE channel_state (
    channel_id BIGINT PRIMARY KEY,
    up SMALLINT NOT NULL,                      -- 1: messages can go out
    bound INTEGER NOT NULL,                    -- how many of its binds are bound
    wanted INTEGER NOT NULL,                   -- how many binds it has
    since DOUBLE PRECISION NOT NULL,           -- since when it is up, or is not
    reason TEXT NOT NULL,                      -- why it is not; '': it is, or has not been yet
    seen_at DOUBLE PRECISION NOT NULL          -- when a running node last said so
);
