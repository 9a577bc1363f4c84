#include "storage/dataset_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/dataset_schema.h"

struct dataset_folder {
    char *place, *aside, *old;  // PLACE, PLACE.new, PLACE.old
    int fd;                     // of PLACE.new
    bool committed;
};

static status_t path_fault (const char *path, const char *what, fault_t *fault)
{
    return fault_set (fault, ERR_IO, "%s: %s: %s", path, what, strerror (errno));
}

// The name of an entry that no dataset has; NULL where there is none. *found: the folder is there.
static char *stranger (const char *path, bool *found)
{
    DIR *dir = opendir (path);
    *found = dir != NULL;
    char *name = NULL;
    for (struct dirent *entry; dir && name == NULL && (entry = readdir (dir)) != NULL; )
        if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0 && !dataset_is_file (entry->d_name))
            name = mem_string (entry->d_name);
    if (dir)
        closedir (dir);
    return name;
}

// Is path free, or a folder with nothing in it but a dataset?
static status_t check_ours (const char *path, fault_t *fault)
{
    struct stat st;
    if (lstat (path, &st) != 0)
        return errno == ENOENT ? OK : path_fault (path, "can't be looked at", fault);
    if (!S_ISDIR (st.st_mode))
        return fault_set (fault, ERR_USAGE, "%s is no folder, and the dataset should stand there; move it away", path);
    bool found;
    char *name = stranger (path, &found);
    status_t status = OK;
    if (!found)
        status = path_fault (path, "can't be read", fault);
    else if (name)
        status = fault_set (fault, ERR_USAGE, "%s holds \"%s\", which is no file of a dataset, and would be replaced; "
                            "move it away or choose another folder", path, name);
    free (name);
    return status;
}

// May what stands at the place be replaced? Nothing, an empty folder, and a whole dataset may.
static status_t check_place (const dataset_folder_t *folder, fault_t *fault)
{
    status_t status = check_ours (folder->place, fault);
    DIR *dir = status == OK ? opendir (folder->place) : NULL;
    if (dir == NULL)
        return status;
    bool empty = true;
    for (struct dirent *entry; (entry = readdir (dir)) != NULL; )
        empty = empty && (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0);
    if (!empty && faccessat (dirfd (dir), "manifest.json", F_OK, 0) != 0)
        status = fault_set (fault, ERR_USAGE, "%s holds files but no manifest.json, so it is no dataset, and would be "
                            "replaced; move it away or choose another folder", folder->place);
    closedir (dir);
    return status;
}

// Remove a folder that check_ours has accepted.
static status_t remove_ours (const char *path, fault_t *fault)
{
    status_t status = check_ours (path, fault);
    if (status != OK)
        return status;
    DIR *dir = opendir (path);
    if (dir == NULL)
        return errno == ENOENT ? OK : path_fault (path, "can't be read", fault);
    for (struct dirent *entry; (entry = readdir (dir)) != NULL; )
        if (dataset_is_file (entry->d_name) && unlinkat (dirfd (dir), entry->d_name, 0) != 0 && errno != ENOENT)
            status = path_fault (path, "can't be emptied", fault);
    closedir (dir);
    if (status == OK && rmdir (path) != 0 && errno != ENOENT)
        status = path_fault (path, "can't be removed", fault);
    return status;
}

static status_t make_parents (const char *path, fault_t *fault)
{
    char *copy = mem_string (path);
    status_t status = OK;
    for (char *slash = strchr (copy + 1, '/'); slash && status == OK; slash = strchr (slash + 1, '/')) {
        *slash = '\0';
        if (mkdir (copy, 0777) != 0 && errno != EEXIST)
            status = path_fault (copy, "can't be made", fault);
        *slash = '/';
    }
    free (copy);
    return status;
}

// The end of an exchange that a crash cut in two (see swap): the old dataset goes back.
static void restore_old (const dataset_folder_t *folder)
{
    struct stat st;
    if (lstat (folder->place, &st) != 0 && lstat (folder->old, &st) == 0)
        (void) !rename (folder->old, folder->place);
}

static status_t prepare (dataset_folder_t *folder, fault_t *fault)
{
    status_t status = make_parents (folder->place, fault);
    if (status != OK)
        return status;
    restore_old (folder);
    status = check_place (folder, fault);
    if (status == OK)
        status = remove_ours (folder->aside, fault);
    if (status == OK)
        status = remove_ours (folder->old, fault);
    if (status == OK && mkdir (folder->aside, 0777) != 0)
        status = path_fault (folder->aside, "can't be made", fault);
    if (status != OK)
        return status;
    folder->fd = open (folder->aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder->fd < 0 ? path_fault (folder->aside, "can't be opened", fault) : OK;
}

status_t dataset_folder_open (const char *place, dataset_folder_t **out, fault_t *fault)
{
    dataset_folder_t *folder = mem_zero (1, sizeof *folder);
    size_t len = strlen (place);
    while (len > 1 && place [len - 1] == '/')
        len--;
    folder->fd = -1;
    folder->place = mem_string_n (place, len);
    folder->aside = mem_printf ("%s.new", folder->place);
    folder->old = mem_printf ("%s.old", folder->place);
    status_t status = prepare (folder, fault);
    if (status == OK)
        *out = folder;
    else {
        folder->committed = true;       // nothing of ours to remove
        dataset_folder_close (&folder);
    }
    return status;
}

int dataset_folder_fd (const dataset_folder_t *folder)
{
    return folder->fd;
}

const char *dataset_folder_path (const dataset_folder_t *folder)
{
    return folder->aside;
}

static status_t sync_parent (const char *path, fault_t *fault)
{
    const char *slash = strrchr (path, '/');
    char *parent = slash == NULL ? mem_string (".") : mem_string_n (path, slash == path ? 1 : (size_t) (slash - path));
    int fd = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status_t status = OK;
    if (fd < 0 || fsync (fd) != 0)
        status = path_fault (parent, "can't be synced", fault);
    if (fd >= 0)
        close (fd);
    free (parent);
    return status;
}

// Where the file system can't exchange two names, the old one is moved aside first; restore_old knows.
static status_t swap (dataset_folder_t *folder, fault_t *fault)
{
    if (renameat2 (AT_FDCWD, folder->aside, AT_FDCWD, folder->place, RENAME_EXCHANGE) == 0)
        return OK;
    if (rename (folder->place, folder->old) != 0 && errno != ENOENT)
        return path_fault (folder->place, "can't be moved aside", fault);
    if (rename (folder->aside, folder->place) == 0)
        return OK;
    int failed = errno;
    restore_old (folder);
    errno = failed;
    return path_fault (folder->place, "can't be put in its place", fault);
}

status_t dataset_folder_commit (dataset_folder_t *folder, fault_t *fault)
{
    if (fsync (folder->fd) != 0)
        return path_fault (folder->aside, "can't be synced", fault);
    status_t status = check_place (folder, fault);
    if (status == OK)
        status = swap (folder, fault);
    if (status != OK)
        return status;
    folder->committed = true;
    status = sync_parent (folder->place, fault);
    if (status == OK)
        status = remove_ours (folder->aside, fault);    // where they were exchanged: what stood there before
    if (status == OK)
        status = remove_ours (folder->old, fault);
    return status;
}

void dataset_folder_close (dataset_folder_t **folder)
{
    dataset_folder_t *self = *folder;
    if (self == NULL)
        return;
    if (self->fd >= 0)
        close (self->fd);
    fault_t ignored;
    if (!self->committed && remove_ours (self->aside, &ignored) != OK)
        errno = 0;                      // the next export removes it
    free (self->place);
    free (self->aside);
    free (self->old);
    free (self);
    *folder = NULL;
}

status_t dataset_folder_link (const char *dir, const char *target, fault_t *fault)
{
    char *link = mem_printf ("%s/dataset", dir), *aside = mem_printf ("%s/dataset.link", dir);
    status_t status = OK;
    if (unlink (aside) != 0 && errno != ENOENT)
        status = path_fault (aside, "can't be removed", fault);
    else if (symlink (target, aside) != 0)
        status = path_fault (aside, "can't be made", fault);
    else if (rename (aside, link) != 0) {
        status = path_fault (link, "can't become a link to the latest dataset", fault);
        unlink (aside);
    } else
        status = sync_parent (link, fault);
    free (link);
    free (aside);
    return status;
}
