"""Where our reader of files differs from the one that users' files were written against, and why.

`STRICTER`: Microsoft's reader lets it pass, ours says at once what would fail later. `LOOSER`: their reader fails by an
accident of its code, ours reads what was plainly meant. Everything else has the same verdict and the same values:
the oracle test holds that, and demands a case for each rule here.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Rule:
    """One difference. `pattern` is found in our error (STRICTER) or in theirs (LOOSER)."""

    name: str
    why: str
    pattern: str

    def explains(self, refusal: str) -> bool:
        """Whether a refusal comes from this rule."""
        return re.search(self.pattern, refusal) is not None


STRICTER: tuple[Rule, ...] = (
    Rule("traffic-sum", "the service refuses traffic that sums to 90", r"sum to 0 or 100"),
    Rule("share-range", "a share below 0 or above 100 per cent means nothing", r"must be from 0 to 100 per cent"),
    Rule("mirror-limit", "the service refuses to mirror more than half", r"at most 50 per cent can be mirrored"),
    Rule("one-mirror", "the service mirrors to one deployment only", r"mirrored to one deployment only"),
    Rule("live-or-mirror", "a deployment takes live or mirrored traffic", r"live traffic and mirrored traffic at once"),
    Rule("probe-range", "the service refuses negative times and counts", r"_probe\.\w+: input should be (greater|less)"),
    Rule("request-range", "the service refuses a timeout of 0, or above three minutes",
         r"request_settings\.\w+: input should be (greater|less)"),
    Rule("scale-range", "per cents and counts have a range", r"scale_settings\.\w+: input should be (greater|less)"),
    Rule("min-above-max", "no number of instances satisfies it", r"is above max_instances"),
    Rule("instance-count-range", "instances cannot be negative in number", r"instance_count: input should be (greater|less)"),
    Rule("endpoint-name", "the service allows 3 to 32 letters, digits and '-'", r"not a valid (endpoint|deployment) name"),
    Rule("asset-name", "the service refuses the name", r"not a valid (model|data|environment) name"),
    Rule("version-form", "the service refuses the version", r"not a valid version"),
    Rule("workspace-name", "the service refuses the name", r"not a valid workspace name"),
    Rule("reference-form", "it can point at nothing", r"is not a reference to an asset"),
    Rule("reference-kind", "a model is wanted where an environment is named, or the reverse", r"names something under"),
    Rule("whole-number", "theirs cuts 1.9 to 1", r"must be a whole number"),
    Rule("tag-value", "the service stores texts", r"(tags|properties|environment_variables): must be text"),
    Rule("unstorable-text", "no database holds a NUL, half a character, or a number that is none", r"cannot be stored"),
    Rule("variable-name", "no process can have such a variable", r"cannot be the name of a variable"),
    Rule("repeated-key", "theirs keeps the last silently", r"is given twice"),
    Rule("alias-bomb", "aliases that multiply exhaust memory", r"through its aliases|alias contains itself"),
    Rule("conda-mapping", "a conda file is a mapping of keys to values", r"conda_file: .*(the file is|is a folder|must be text)"),
    Rule("inline-null", "theirs makes an environment anonymous when its name or version is empty",
         r"environment\.(name|version): is empty"),
    Rule("inline-name", "theirs drops a name that is not text", r"environment\.name: must be text"),
    Rule("resource-twice", "gpu under both of its names", r"unknown key 'nvidia.com/gpu'"),
    Rule("empty-path", "an empty path means the folder of the file itself by accident", r"the path is empty"),
    Rule("identity-keys", "theirs drops unknown keys of an identity", r"user_assigned_identities\[\d\]\.\w+: unknown key"),
    Rule("kubernetes-form", "`type: Kubernetes` chooses the form in any case, and its keys",
         r"unknown key '(private_network_connection|egress_public_network_access)'"),
    Rule("workspace-kind", "hubs and projects do not exist here", r"unknown key '(kind|hub_id)'"),
)  # fmt: skip

LOOSER: tuple[Rule, ...] = (
    Rule("kubernetes-case", "`type: Kubernetes` chooses the form in any case; theirs reads it as managed",
         r'"(instance_type|resources)": \[\s*"(Missing data|Unknown field)'),
    Rule("kubernetes-registry", "registries are no different here", r"Registry reference for"),
    Rule("resource-id-case", "resource ids are case-insensitive; theirs wants one spelling", r"id for \w+ is invalid"),
    Rule("set-list-index", "`--set a.0.b` reaches into a list; theirs crashes", r"has no attribute 'get'"),
    Rule("inline-address", "an inline model may stand at an address; theirs hashes it as a local file",
         r"No such file or directory: '\S*(azureml|runs|https?|zaffre):"),
    Rule("file-prefix", "`path: file:x` means x; theirs looks for a file of that whole name", r"[Nn]o such file.*/file:"),
    Rule("environment-id", "a read-only id is dropped, whatever it says", r'"id": \['),
    Rule("local-url", "a host may be a bare name", r"Not a valid URL"),
)  # fmt: skip
