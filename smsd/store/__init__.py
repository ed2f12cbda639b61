"""The database: two engines behind one interface, the schema, and the queries of each subject."""
