-- When an instance of each POP was last there. A mitigation may only name a POP that some instance
-- serves, and rows of a POP whose instance is gone are expired by the others.
CREATE TABLE instances (
    pop TEXT PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
