"""The default deployment: SQLite files in one data directory, a file per concern, no server to install.

log.db     accepted request bodies, sealed by segment             written by web and command line, read by the worker
state.db   records, evidence, timeline, the worker's cursor       written by the worker alone
ledger.db  organizations, people, terms, promises, receipts …     written by web and command line
decide.db  who is in which audience, timers, history              written by the evaluator alone
           what waits for destinations                            by it, and by web and command line
keys.db    every key, wrapped                                     written by whoever makes a key
"""
