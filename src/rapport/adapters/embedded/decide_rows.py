"""decide.db: who is in which audience, until when, and how it came to that, written by the evaluator alone; and what
waits for destinations, written by web and command line, too. Synced.

    audience   number of each definition that was evaluated, with how far: `version`; `basis` (of it and all that it
               rests on); `inside`: how many are in now
    member     one row for whoever is in, or has a timer, or on whom the expression fails
    history    who entered and left, when and why, oldest first by `seq`
    daily      per audience and UTC day (days since the epoch): how many were in at its end, entered, left; days
               on which nothing moved have no row: the count is that of the row before
    fill       audiences that all customers are being asked about, newest record first, from record `before` down
    queue, queue_health, recheck   what waits for destinations: see `destination_queue`
    told_upto  how far each was told who is in its audience already: see `destination_members`
    interest   per organization, what all its audiences ask of customers; the worker tells of nothing else
    meta       `interest`: up to which change of definitions that is;
               `terms day`, `terms person`: when those with terms of their own were asked last, and how far it is;
               `round …`: since when an organization's customers are followed without a gap;
               `touched`, `stir`: how far the feeds of state.db and ledger.db were consumed

`customer` is the number of the record whose handle the customer shows. Times are µs. A partial index over `due` is the
timers. Moves, members, timers and cursors are one transaction, and so is whatever rides along (see `DecideFile.write`):
a destination's queue misses nothing and is told nothing twice.
"""

from rapport.adapters.embedded import destination_members, destination_queue

MIGRATIONS = [
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE audience (id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, name TEXT NOT NULL,
                           version INTEGER NOT NULL, basis TEXT NOT NULL, inside INTEGER NOT NULL, filled_at INTEGER,
                           UNIQUE (org, name));
    CREATE TABLE member (audience INTEGER, customer INTEGER, since INTEGER, version INTEGER NOT NULL, due INTEGER,
                         error TEXT NOT NULL, PRIMARY KEY (audience, customer)) WITHOUT ROWID;
    CREATE INDEX member_due ON member (due) WHERE due IS NOT NULL;
    CREATE INDEX member_of ON member (customer);
    CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, audience INTEGER NOT NULL, customer INTEGER NOT NULL,
                          kind TEXT NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL, version INTEGER NOT NULL);
    CREATE INDEX history_of ON history (customer);
    CREATE INDEX history_in ON history (audience, seq);
    CREATE TABLE daily (audience INTEGER, day INTEGER, inside INTEGER NOT NULL, entered INTEGER NOT NULL,
                        left INTEGER NOT NULL, PRIMARY KEY (audience, day)) WITHOUT ROWID;
    CREATE TABLE fill (audience INTEGER PRIMARY KEY, cause TEXT NOT NULL, before INTEGER NOT NULL)
    """,
    destination_queue.SCHEMA,
    destination_members.SCHEMA,
    "CREATE INDEX member_failing ON member (audience, error) WHERE error <> ''",
    "CREATE TABLE interest (org TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "ALTER TABLE audience DROP COLUMN filled_at",
    destination_queue.NAMED,
    destination_members.NAMED,
]
