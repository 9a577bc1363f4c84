// folder_fixture: a folder of its own for a test, removed with all that is in it.
#ifndef TESTS_UNIT_FOLDER_FIXTURE_H
#define TESTS_UNIT_FOLDER_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct { char path [64]; } folder_fixture_t;

static inline void folder_fixture_make (folder_fixture_t *folder)
{
    snprintf (folder->path, sizeof folder->path, "/tmp/rulemill-test-XXXXXX");
    if (mkdtemp (folder->path) == NULL)
        abort ();
}

static inline void folder_fixture_remove_tree (const char *path)
{
    DIR *dir = opendir (path);
    for (struct dirent *entry; dir && (entry = readdir (dir)); )
        if (strcmp (entry->d_name, ".") && strcmp (entry->d_name, "..")) {
            char *child = mem_printf ("%s/%s", path, entry->d_name);
            if (entry->d_type == DT_DIR)
                folder_fixture_remove_tree (child);
            else
                unlink (child);
            free (child);
        }
    if (dir)
        closedir (dir);
    rmdir (path);
}

static inline void folder_fixture_remove (const folder_fixture_t *folder)
{
    folder_fixture_remove_tree (folder->path);
}

#endif
