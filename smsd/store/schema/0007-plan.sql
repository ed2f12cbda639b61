-- Numbers that were ported, many in a row: nodes hold all of them in memory. A row is never changed but replaced
-- by others of a new edition, so that a node reads only those that it does not have.
CREATE TABLE ported (
    first BIGINT PRIMARY KEY,                  -- the lowest of its numbers: they lie below that of the next row
    edition BIGINT NOT NULL,                   -- of the change that brought it
    amount INTEGER NOT NULL,                   -- how many numbers it has
    networks TEXT NOT NULL,                    -- the MCC and MNC of each of their networks, with blanks between
    numbers TEXT NOT NULL                      -- the numbers, and for each the place of its network, packed
);

-- One row: the number of changes that there were of ported numbers. Two that begin with the same one can't both be made.
CREATE TABLE ported_edition (
    edition BIGINT PRIMARY KEY
);
