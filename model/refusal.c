#include "model/refusal.h"

#include <stddef.h>
#include <string.h>

// Each as words_normalise writes it, with a space on both sides.
static const char *const phrases [] = {
    " i cant ", " i cannot ", " i can not ", " i wont ", " i will not ", " im not able ", " i am not able ", " im unable ",
    " i am unable ", " im sorry ", " i am sorry ", " i apologize ", " i apologise ", " as an ai ", " im not comfortable ",
    " i am not comfortable ", " i must decline ", " i have to decline ", " i refuse ", " i dont think i can ", " im not going to ",
    " i am not going to ", " not appropriate ", " cant help you with ", " cannot help you with ",
};

// Where the first REFUSAL_WORDS words end: behind the space that follows the last of them.
static size_t opening (const buf_t *words)
{
    size_t spaces = 0;
    for (size_t i = 0; i < words->len; i++)
        if (words->data [i] == ' ' && ++spaces > REFUSAL_WORDS)
            return i + 1;
    return words->len;
}

bool refusal_found (const buf_t *words)
{
    size_t len = opening (words);
    for (size_t i = 0; len > 0 && i < sizeof phrases / sizeof *phrases; i++)
        if (memmem (words->data, len, phrases [i], strlen (phrases [i])))
            return true;
    return false;
}
