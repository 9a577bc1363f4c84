// synth_text: texts for the scenes and actors of synth_world.
//
// A response shows its latents noisily: each behaviour's latent gets noise, the
// strongest few are shown by a phrase of their bank, and filler brings it to
// about 40 to 200 words. Distinct prompt numbers up to SYNTH_PROMPTS_MAX give
// distinct prompts.
#ifndef MODEL_SYNTH_TEXT_H
#define MODEL_SYNTH_TEXT_H

#include "base/buf.h"
#include "model/synth_world.h"

// Append the scene's prompt as JSON: a string, or a list of {role, content}.
void synth_text_prompt (const synth_world_t *world, const synth_scene_t *scene, buf_t *json);

// Append the plain text of a response; draws from rng.
void synth_text_response (const synth_world_t *world, const synth_scene_t *scene, const synth_actor_t *actor,
                          rng_t *rng, buf_t *text);

#endif
