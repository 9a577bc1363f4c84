// reward_origin: whose preferences a reward model learns, in words.
#ifndef OPS_REWARD_ORIGIN_H
#define OPS_REWARD_ORIGIN_H

// "labels of run-1a2b3c4d5e6f, judge lexicon (embedded baseline, ...), policy exhaustive" by the manifest of a dataset's (or a job's)
// folder; "preferences stated in FILE" for anything without one. The caller frees it.
char *reward_origin (const char *path);

#endif
