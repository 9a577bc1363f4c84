#include "coordinator/program.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct program {
    char *path;
    int file;               // -1: it could not be opened
    char opened [40];
};

program_t *program_open (const char *path)
{
    program_t *program = mem_zero (1, sizeof *program);
    program->path = mem_string (path);
    program->file = open (path, O_PATH | O_CLOEXEC);
    snprintf (program->opened, sizeof program->opened, "/proc/self/fd/%d", program->file);
    return program;
}

void program_close (program_t **self)
{
    program_t *program = *self;
    if (program == NULL)
        return;
    if (program->file >= 0)
        close (program->file);
    free (program->path);
    free (program);
    *self = NULL;
}

const char *program_path (const program_t *program)
{
    return program->path;
}

static bool is_in_place (const program_t *program)
{
    struct stat now, then;
    return program->file < 0 || (stat (program->path, &now) == 0 && fstat (program->file, &then) == 0 &&
                                 now.st_dev == then.st_dev && now.st_ino == then.st_ino);
}

const char *program_file (const program_t *program)
{
    return is_in_place (program) ? program->path : program->opened;
}
