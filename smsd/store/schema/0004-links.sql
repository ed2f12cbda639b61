-- A message whose clicks or conversions are counted: what its client said of it, and what has come of it.
CREATE TABLE tracked (
    message_id {id},
    account_id BIGINT NOT NULL,
    client_id TEXT,                            -- the client's own id for the message; NULL: it has given none
    bulk_id TEXT,
    destination TEXT NOT NULL,                 -- E.164 digits
    track TEXT NOT NULL,                       -- 'URL': clicks on its short links; 'SMS': conversions, which the client tells
    process_key TEXT NOT NULL,                 -- the client's key for what it is a step of; '': none
    type TEXT NOT NULL,                        -- the client's word for its kind; '': none
    notify_url TEXT NOT NULL,                  -- where its clicks are pushed to; '': nowhere
    notify_xml SMALLINT NOT NULL,              -- 1: in XML, 0: in JSON
    sent_at DOUBLE PRECISION NOT NULL,         -- when it is due to be sent
    delivered_at DOUBLE PRECISION,             -- when it was delivered
    click_id BIGINT,                           -- the first click of a person
    clicks INTEGER NOT NULL DEFAULT 0,         -- all clicks of persons
    converted_at DOUBLE PRECISION              -- when the client told that it has led to what it was sent for
);
CREATE INDEX tracked_of_account ON tracked (account_id, sent_at);
CREATE INDEX tracked_of_bulk ON tracked (account_id, bulk_id) WHERE bulk_id IS NOT NULL;
CREATE INDEX tracked_of_client ON tracked (account_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX tracked_age ON tracked (sent_at);

-- A short link: no two messages have one in common.
CREATE TABLE link (
    token TEXT PRIMARY KEY,                    -- what stands behind the configured domain
    message_id BIGINT NOT NULL REFERENCES tracked (message_id) ON DELETE CASCADE,
    url TEXT NOT NULL                          -- where it leads, in the letters that HTTP takes
) {clustered};
CREATE INDEX link_of_message ON link (message_id);

-- That a short link was opened.
CREATE TABLE click (
    id {id},                                   -- from the same sequence as a message's
    message_id BIGINT NOT NULL REFERENCES tracked (message_id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL,
    token TEXT NOT NULL,
    clicked_at DOUBLE PRECISION NOT NULL,
    country_prefix TEXT NOT NULL,              -- of the message's destination, e.g. '41'; '': it is no country's
    network_prefix TEXT NOT NULL,              -- what follows in it and leads to its network, e.g. '79'
    os TEXT NOT NULL,                          -- the operating system of whoever opened it, e.g. 'ANDROID'
    machine SMALLINT NOT NULL                  -- 1: by a program that looks at links, and not by a person
);
CREATE INDEX click_of_account ON click (account_id, clicked_at);
CREATE INDEX click_of_message ON click (message_id);

-- Beyond the values that 0002 names: push.kind 4, a click, whose id the push has.
