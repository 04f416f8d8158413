// What ThreadSanitizer cannot know: Debian's RocksDB is built without it, so the atomics that order its
// threads are not seen. Races in our own code have no frame of RocksDB.

extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:rocksdb::\n"; }
