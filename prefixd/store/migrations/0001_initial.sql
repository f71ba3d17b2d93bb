-- The whole schema, in the SQL that SQLite and PostgreSQL share.
--
-- Times are microseconds since 1970 (UTC) in BIGINT. Ids are UUID texts, version 7 where we made
-- them, so that inserts land at the right edge of every index. JSON is TEXT: it is read whole or
-- not at all. Addresses are stored in their one canonical spelling. Words that may only take
-- certain values carry a CHECK when the set is closed; a unit test holds them against the enums.

-- One row per episode of one alert at one source: repeats refresh it, its fate stands beside it.
CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    external_event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('firing', 'cleared')),
    episode BIGINT NOT NULL CHECK (episode >= 1),
    pop TEXT NOT NULL,
    event_timestamp BIGINT NOT NULL,
    ingested_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    refresh_count BIGINT NOT NULL,
    victim_ip TEXT NOT NULL,
    vector TEXT NOT NULL,
    bps BIGINT,
    pps BIGINT,
    confidence DOUBLE PRECISION,
    details_json TEXT NOT NULL,
    raw_details TEXT,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    codes_json TEXT NOT NULL,
    group_id TEXT,
    mitigation_id TEXT,
    customer_id TEXT,
    last_hash TEXT NOT NULL
);
-- Two requests with one id race here, and the database decides.
CREATE UNIQUE INDEX events_identity ON events (source, external_event_id, action, episode);
CREATE INDEX events_listed ON events (ingested_at, event_id);
CREATE INDEX events_of_victim ON events (victim_ip, ingested_at);
CREATE INDEX events_of_group ON events (group_id, ingested_at) WHERE group_id IS NOT NULL;
CREATE INDEX events_recent ON events (pop, last_seen_at);
CREATE INDEX events_unfinished ON events (pop, ingested_at) WHERE outcome = 'queued';

CREATE TABLE signal_groups (
    group_id TEXT PRIMARY KEY,
    pop TEXT NOT NULL,
    victim_ip TEXT NOT NULL,
    group_key TEXT NOT NULL,
    vector TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('open', 'ready', 'held', 'mitigating', 'clearing', 'unowned', 'closed')),
    created_at BIGINT NOT NULL,
    last_primary_at BIGINT NOT NULL,
    window_expires_at BIGINT NOT NULL,
    met_at BIGINT,
    derived_confidence DOUBLE PRECISION NOT NULL,
    source_count BIGINT NOT NULL,
    primary_count BIGINT NOT NULL,
    playbook_name TEXT,
    hold_reason TEXT,
    clearing_since BIGINT,
    close_reason TEXT,
    closed_at BIGINT,
    customer_id TEXT,
    service_id TEXT,
    sources TEXT NOT NULL,
    has_mitigation BOOLEAN NOT NULL,
    details_json TEXT NOT NULL,
    evidence_json TEXT NOT NULL,
    version BIGINT NOT NULL
);
-- One living group per victim and kind of attack: the database decides who opened it.
CREATE UNIQUE INDEX signal_groups_live ON signal_groups (pop, victim_ip, group_key)
    WHERE state <> 'closed';
CREATE INDEX signal_groups_listed ON signal_groups (created_at, group_id);
CREATE INDEX signal_groups_closed ON signal_groups (closed_at) WHERE state = 'closed';

-- The explanation as written on the day; never recomputed.
CREATE TABLE decisions (
    decision_id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    pop TEXT NOT NULL,
    trigger_kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    sentence TEXT NOT NULL,
    body_json TEXT NOT NULL,
    group_id TEXT,
    event_id TEXT,
    mitigation_id TEXT,
    config_version BIGINT NOT NULL,
    playbook_name TEXT
);
CREATE INDEX decisions_of_group ON decisions (group_id, at) WHERE group_id IS NOT NULL;
CREATE INDEX decisions_aged ON decisions (at, decision_id);

CREATE TABLE mitigations (
    mitigation_id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('pending', 'active', 'escalated', 'expired', 'withdrawn', 'rejected')),
    pop TEXT NOT NULL,
    scope_hash TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    customer_id TEXT,
    service_id TEXT,
    victim_ip TEXT NOT NULL,
    vector TEXT NOT NULL,
    match_json TEXT NOT NULL,
    action_type TEXT NOT NULL CHECK (action_type IN
        ('discard', 'police', 'redirect', 'mark', 'blackhole')),
    action_params_json TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    triggering_event_id TEXT NOT NULL,
    last_event_id TEXT NOT NULL,
    signal_group_id TEXT,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('detector', 'manual')),
    created_by TEXT NOT NULL,
    details_json TEXT NOT NULL,
    end_reason TEXT,
    ended_by TEXT,
    rejection_reason TEXT,
    acknowledged_at BIGINT,
    acknowledged_by TEXT
);
-- One live rule per traffic and POP. A rehearsed row does not stand in the way of a real one.
CREATE UNIQUE INDEX mitigations_scope ON mitigations (scope_hash, pop, dry_run)
    WHERE status IN ('pending', 'active', 'escalated');
CREATE INDEX mitigations_live ON mitigations (pop, mitigation_id)
    WHERE status IN ('pending', 'active', 'escalated');
CREATE INDEX mitigations_listed ON mitigations (created_at, mitigation_id);
CREATE INDEX mitigations_of_victim ON mitigations (victim_ip, created_at);
CREATE INDEX mitigations_of_customer ON mitigations (customer_id, created_at)
    WHERE customer_id IS NOT NULL;
CREATE INDEX mitigations_of_group ON mitigations (signal_group_id)
    WHERE signal_group_id IS NOT NULL;

-- Live mitigations per quota, and totals: raised and lowered with the rows they count.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL CHECK (value >= 0)
);

CREATE TABLE safelist (
    prefix TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('api', 'config', 'infrastructure')),
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    reason TEXT,
    expires_at BIGINT,
    PRIMARY KEY (prefix, source)
);

-- Evidence without a victim, waiting for groups it fits.
CREATE TABLE corroborating_signals (
    signal_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    pop TEXT NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    received_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    body_json TEXT NOT NULL,
    attached_group_ids TEXT NOT NULL,
    raw_details TEXT
);
CREATE UNIQUE INDEX corroborating_identity ON corroborating_signals (source, external_id, pop);
CREATE INDEX corroborating_expiry ON corroborating_signals (expires_at);

-- Append-only; each row proves the one before it. One chain per POP.
CREATE TABLE audit_log (
    chain TEXT NOT NULL,
    number BIGINT NOT NULL,
    audit_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    pop TEXT NOT NULL,
    actor_type TEXT NOT NULL CHECK (actor_type IN ('system', 'detector', 'operator')),
    actor_id TEXT,
    action TEXT NOT NULL,
    target_type TEXT,
    target_id TEXT,
    details_json TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_listed ON audit_log (at, audit_id);
CREATE INDEX audit_of_target ON audit_log (target_id, at) WHERE target_id IS NOT NULL;
-- Where a chain begins after its oldest rows were dropped by retention.
CREATE TABLE audit_checkpoints (
    chain TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE operators (
    operator_id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at BIGINT NOT NULL,
    created_by TEXT,
    last_login_at BIGINT,
    version BIGINT NOT NULL
);
CREATE TABLE sessions (
    session_hash TEXT PRIMARY KEY,
    operator_id TEXT NOT NULL REFERENCES operators (operator_id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT
);
CREATE INDEX sessions_of_operator ON sessions (operator_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE TABLE api_tokens (
    token_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL,
    permissions_json TEXT NOT NULL,
    sources_json TEXT,
    networks_json TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE TABLE notification_preferences (
    operator_id TEXT PRIMARY KEY REFERENCES operators (operator_id) ON DELETE CASCADE,
    muted_events_json TEXT NOT NULL,
    quiet_hours_start BIGINT CHECK (quiet_hours_start BETWEEN 0 AND 23),
    quiet_hours_end BIGINT CHECK (quiet_hours_end BETWEEN 0 AND 23),
    updated_at BIGINT NOT NULL,
    CHECK ((quiet_hours_start IS NULL) = (quiet_hours_end IS NULL))
);

-- Answers to requests that carried an Idempotency-Key.
CREATE TABLE idempotency_keys (
    key_hash TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_aged ON idempotency_keys (created_at);

-- Alerts on their way out: one row per alert and destination, kept until delivered or given up.
CREATE TABLE notification_queue (
    notification_id TEXT PRIMARY KEY,
    pop TEXT NOT NULL,
    destination TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'failed')),
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    last_error TEXT
);
CREATE INDEX notification_due ON notification_queue (pop, due_at) WHERE state = 'queued';
CREATE INDEX notification_aged ON notification_queue (created_at) WHERE state <> 'queued';

-- Every configuration that was ever live, redacted, so that a decision's version can be looked up.
CREATE TABLE config_snapshots (
    pop TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    body_json TEXT NOT NULL,
    PRIMARY KEY (pop, version)
);
