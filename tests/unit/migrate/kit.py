"""Plain SQL dumps of an earlier prefixd, as pg_dump writes them."""

COPY = r"""--
-- PostgreSQL database dump
--
SET statement_timeout = 0;
CREATE TABLE public.mitigations (
    mitigation_id uuid NOT NULL
);
COPY public.events (event_id, source) FROM stdin;
00000000-0000-0000-0000-000000000001	nobody asks
\.
COPY public.mitigations (mitigation_id, status, pop, victim_ip, vector, match_json, action_type, action_params_json, expires_at, reason) FROM stdin;
m1	active	ams1	198.51.100.20	udp_flood	{"dst_prefix": "198.51.100.20/32", "protocol": 17, "dst_ports": [53, 123]}	police	{"rate_bps": 5000000}	2026-01-01 00:10:00+00	tab\\tand back\\\\slash
m2	expired	ams1	198.51.100.21	udp_flood	{}	discard	\N	2025-01-01 00:00:00+00	\N
m3	escalated	ams1	198.51.100.22	syn_flood	{"dst_prefix": "198.51.100.22/32", "protocol": 6, "dst_ports": []}	discard	\N	2026-01-01 01:30:00+01	\N
m4	active	ams1	198.51.100.23	syn_flood	not json	discard	\N	2026-01-01 01:30:00+00	\N
m5	active	ams1	198.51.100.24	syn_flood	{}	discard	\N	2025-12-31 23:59:59+00	over already
\.
COPY public.safelist (prefix, added_at, added_by, reason, expires_at) FROM stdin;
203.0.113.0/28	2025-01-01 00:00:00+00	alice	it's ours	\N
\.
COPY public.operators (operator_id, username, password_hash, role) FROM stdin;
o1	alice	$argon2id$secret	admin
\.
"""  # noqa: E501  because: a dump writes a row a line
INSERTS = """CREATE TABLE public.safelist (
    prefix text NOT NULL,
    added_by text,
    reason text,
    CONSTRAINT safelist_pkey PRIMARY KEY (prefix)
);
INSERT INTO public.safelist VALUES ('203.0.113.0/28', 'alice', 'it''s
ours, (really); yes'), ('203.0.113.16/28', NULL, NULL);
INSERT INTO public.safelist (reason, prefix) VALUES ('other order', '203.0.113.32/28');
INSERT INTO public.elsewhere VALUES (1);
"""
