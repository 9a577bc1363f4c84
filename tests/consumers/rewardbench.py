"""How RewardBench reads a preference dataset: a prompt that is no Python list is taken from the conversations.

After load_preference_dataset in allenai/reward-bench, rewardbench/utils.py (Apache-2.0), written anew: without a `prompt`
column, or with one that is not a list of turns, prompt is chosen[:-1], and chosen and rejected become the text of their
last turn. A dataset whose chosen is only the response loses its prompt there without a word.
"""


def load(dataset):
    def switch(example):
        return {
            "prompt": example["chosen"][:-1],
            "chosen": example["chosen"][-1]["content"],
            "rejected": example["rejected"][-1]["content"],
        }

    if "prompt" not in dataset.column_names or not isinstance(dataset.features["prompt"], list):
        dataset = dataset.map(switch, load_from_cache_file=False)
    for column in ("chosen", "rejected"):
        assert dataset.features[column].dtype == "string", f"{column} is {dataset.features[column]}"

    def whole(example):
        return {
            f"text_{side}": example["prompt"] + [{"role": "assistant", "content": example[side]}]
            for side in ("chosen", "rejected")
        }

    return dataset.map(whole, load_from_cache_file=False)
