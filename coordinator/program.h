// program: the file that a job was started from. Its children are the same program also where another file was put in its place
// meanwhile, or none, as by an upgrade: another version need not speak this one's protocol or read its store.
#ifndef COORDINATOR_PROGRAM_H
#define COORDINATOR_PROGRAM_H

typedef struct program program_t;

// The file that is at this path now. One that can't be opened is started by its path alone, and what is wrong with it told then.
program_t *program_open (const char *path);
void program_close (program_t **program);

const char *program_path (const program_t *program);    // as it was given; what its processes are called

// What to start now: the path where its file is still there, else a name of the file that was there. Good in this process and those that
// it starts, until the program is closed.
const char *program_file (const program_t *program);

#endif
