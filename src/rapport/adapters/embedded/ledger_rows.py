"""The tables of ledger.db, as migrations: each part of it brings its own, and a new one comes last."""

from rapport.adapters.embedded import (
    accounts,
    actions,
    agent_requests,
    agents,
    audiences,
    audit,
    benefits,
    by_hand,
    claims,
    contacts,
    cosignatures,
    decisions,
    demands,
    destinations,
    devices,
    exports,
    goals,
    goals_told,
    guard_rails,
    inbox_news,
    let_go,
    messages,
    noticed,
    operators,
    outbox,
    outcome_rules,
    outcomes,
    outlived,
    priors,
    purchases,
    receipt_log,
    reminding,
    rights,
    tallies,
    tokens,
    told_too,
    tongues,
    webhooks,
    wishes,
    withheld,
)

MIGRATIONS = [
    """
    CREATE TABLE org (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE source (org TEXT NOT NULL, name TEXT NOT NULL, key_hash BLOB NOT NULL UNIQUE, key_sealed BLOB NOT NULL,
                         trusted INTEGER NOT NULL, trust INTEGER NOT NULL, categories BLOB NOT NULL,
                         created_at INTEGER NOT NULL, PRIMARY KEY (org, name)) WITHOUT ROWID;
    CREATE TABLE token (hash BLOB PRIMARY KEY, org TEXT NOT NULL, scopes TEXT NOT NULL, created_at INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE link (hash BLOB PRIMARY KEY, org TEXT, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE session (hash BLOB PRIMARY KEY, org TEXT, purpose TEXT NOT NULL, csrf TEXT NOT NULL,
                          expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE receipt (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, org TEXT NOT NULL,
                          at INTEGER NOT NULL, body BLOB NOT NULL)
    """,
    # What a decision rests on has one epoch: a receipt is committed only where nothing of it has changed meanwhile.
    """
    CREATE TABLE epoch (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
    INSERT INTO epoch VALUES (1, 1);
    CREATE TABLE terms (hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
                         version INTEGER NOT NULL, status TEXT NOT NULL, locked INTEGER NOT NULL, terms BLOB NOT NULL);
    CREATE INDEX person_terms ON person (terms);
    CREATE TABLE lock (person INTEGER, org TEXT, PRIMARY KEY (person, org)) WITHOUT ROWID;
    CREATE TABLE claim (token BLOB, person INTEGER, org TEXT NOT NULL, sealed BLOB NOT NULL, at INTEGER NOT NULL,
                        PRIMARY KEY (token, person)) WITHOUT ROWID;
    CREATE INDEX claim_of ON claim (person);
    CREATE INDEX claim_at ON claim (org, person);
    CREATE TABLE signing (org TEXT PRIMARY KEY, public BLOB NOT NULL, sealed BLOB) WITHOUT ROWID;
    CREATE TABLE attester (name TEXT PRIMARY KEY, public BLOB NOT NULL, added_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE declaration (org TEXT, version INTEGER, at INTEGER NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL,
                              signature BLOB NOT NULL, public BLOB NOT NULL, PRIMARY KEY (org, version)) WITHOUT ROWID;
    CREATE TABLE agreement (id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, person INTEGER NOT NULL,
                            org TEXT NOT NULL, status TEXT NOT NULL, terms BLOB NOT NULL, declaration INTEGER NOT NULL,
                            at INTEGER NOT NULL, ended_at INTEGER, body BLOB NOT NULL);
    CREATE INDEX agreement_of ON agreement (person);
    CREATE INDEX agreement_with ON agreement (org, status);
    CREATE TABLE notice (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL, at INTEGER NOT NULL,
                         body BLOB NOT NULL);
    CREATE INDEX notice_of ON notice (person);
    CREATE TABLE uses (person INTEGER, org TEXT, purpose TEXT, day INTEGER, count INTEGER NOT NULL,
                       PRIMARY KEY (person, org, purpose, day)) WITHOUT ROWID;
    ALTER TABLE receipt ADD COLUMN person INTEGER;
    ALTER TABLE receipt ADD COLUMN purpose TEXT;
    ALTER TABLE receipt ADD COLUMN decision TEXT;
    ALTER TABLE receipt ADD COLUMN unmet TEXT;
    CREATE INDEX receipt_of ON receipt (person, seq) WHERE person IS NOT NULL;
    CREATE INDEX receipt_by ON receipt (org, seq);
    ALTER TABLE link ADD COLUMN person INTEGER;
    ALTER TABLE session ADD COLUMN person INTEGER
    """,
    # Agreements by number: what many of them say alike is kept once, by its content, and handles are made from numbers.
    # (Random handles in an index cost a random page each, where a changed declaration makes a million.)
    """
    DROP TABLE agreement;
    CREATE TABLE agreement (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL, org TEXT NOT NULL,
                            status TEXT NOT NULL, terms BLOB NOT NULL, declaration INTEGER NOT NULL,
                            at INTEGER NOT NULL, ended_at INTEGER, content BLOB NOT NULL, previous INTEGER,
                            signed BLOB);
    CREATE INDEX agreement_of ON agreement (person);
    CREATE INDEX agreement_with ON agreement (org);
    CREATE UNIQUE INDEX agreement_between ON agreement (org, person) WHERE status = 'active';
    CREATE TABLE content (hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE review (org TEXT PRIMARY KEY, ground BLOB NOT NULL, version INTEGER NOT NULL, base INTEGER NOT NULL,
                         cursor INTEGER NOT NULL, done INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX receipt_refused ON receipt (org, seq) WHERE decision = 'refused'
    """,
    receipt_log.SCHEMA,
    benefits.SCHEMA,
    rights.SCHEMA,
    receipt_log.TAGGED,
    exports.SCHEMA,
    outbox.SCHEMA,
    webhooks.SCHEMA,
    demands.SCHEMA,
    cosignatures.SCHEMA,
    tallies.SCHEMA,
    benefits.SUMS,
    agents.SCHEMA,
    agent_requests.SCHEMA,
    receipt_log.CHAINED,
    accounts.SCHEMA,
    operators.SCHEMA,
    audit.SCHEMA,
    tokens.SCHEMA,
    devices.SCHEMA,
    goals.SCHEMA,
    contacts.SCHEMA,
    claims.SCHEMA,
    by_hand.SCHEMA,
    purchases.SCHEMA,
    accounts.BACKED_UP,
    let_go.SCHEMA,
    let_go.MOVED,
    reminding.SCHEMA,
    tongues.SCHEMA,
    let_go.NOTED,
    claims.UNTOLD,
    audiences.SCHEMA,
    destinations.SCHEMA,
    actions.SCHEMA,
    decisions.SCHEMA,
    outcomes.SCHEMA,
    wishes.SCHEMA,
    messages.SCHEMA,
    outcome_rules.SCHEMA,
    guard_rails.SCHEMA,
    priors.SCHEMA,
    outcomes.HELD_BACK,
    noticed.SCHEMA,
    goals_told.SCHEMA,
    withheld.SCHEMA,
    decisions.UNSEEN,
    outcomes.BEFORE,
    let_go.TOLD,
    messages.ENDED,
    decisions.REACHED,
    decisions.GIVEN,
    decisions.SILENT,
    inbox_news.COVERED,
    told_too.SCHEMA,
    outlived.SCHEMA,
]
