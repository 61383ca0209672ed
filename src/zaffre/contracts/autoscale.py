"""`zaffre: {autoscale: ...}` of a deployment: bounds, rules and recurring profiles, in the words of Azure Monitor.

What the texts of a rule mean is said in `scaling_rules`. Nothing is decided here.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self

import pydantic

from zaffre.contracts import base, recurring, scaling_rules, values


def _checked(parse: Callable[[str], Any]) -> pydantic.AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return pydantic.AfterValidator(check)


def _scalar_text(value: Any) -> Any:
    return value if value is None else values.as_text(value)


Duration = Annotated[str, pydantic.BeforeValidator(_scalar_text), _checked(scaling_rules.duration_s)]
Instances = Annotated[values.Whole, pydantic.Field(ge=1, le=scaling_rules.MOST_INSTANCES)]


class ScaleRule(base.Part):
    """When what is measured satisfies `condition`, change the number of instances; then rest for `cooldown`."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("condition", "scale", "cooldown")
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"condition", "scale"})

    condition: Annotated[values.Text, _checked(scaling_rules.condition)]
    scale: Annotated[values.Text, _checked(scaling_rules.change)]
    cooldown: Duration = "5m"

    @property
    def parsed(self) -> tuple[scaling_rules.Condition, scaling_rules.Change, float]:
        """Condition, change, and seconds of rest."""
        return (
            scaling_rules.condition(self.condition),
            scaling_rules.change(self.scale),
            scaling_rules.duration_s(self.cooldown),
        )


class _Capacity(base.Part):
    min_count: Instances | None = None
    max_count: Instances | None = None
    rules: Annotated[list[ScaleRule], values.Items] = []

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_count is not None and self.max_count is not None and self.min_count > self.max_count:
            raise ValueError(f"min_count ({self.min_count}) is above max_count ({self.max_count})")
        return self


class ScaleProfile(_Capacity):
    """Other bounds, and other rules where it has its own, while its recurrence or its fixed date lasts."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name"})

    name: values.Text
    recurrence: recurring.Recurrence | None = None
    fixed_date: recurring.FixedDate | None = None

    @pydantic.model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if (self.recurrence is None) == (self.fixed_date is None):
            raise ValueError(f"profile {self.name!r}: give either recurrence or fixed_date")
        return self


class Autoscale(_Capacity):
    """How many instances a deployment has, and when that changes."""

    profiles: Annotated[list[ScaleProfile], values.Items] = []
    # Without a request for so long, no process is left; the first request starts one and waits for it.
    scale_to_zero_after: Duration | None = None
    # For `scale_settings: target_utilization`: how long fewer instances must have been enough before some go.
    calm: Duration | None = None

    @pydantic.model_validator(mode="after")
    def _profiles_agree(self) -> Self:
        twice = sorted(
            {one.name for one in self.profiles if [p.name for p in self.profiles].count(one.name) > 1}
        )
        if twice:
            raise ValueError(f"two profiles have the name {twice[0]!r}")
        for index, one in enumerate(self.profiles):
            self._check_bounds(one)
            for other in self.profiles[index + 1 :]:
                when = _clash(one, other)
                if when:
                    raise ValueError(
                        f"the profiles {one.name!r} and {other.name!r} overlap, for example on {when}"
                    )
        return self

    def check_names(self, *, deployment: str | None, endpoint: str | None) -> None:
        """Raise ValueError for a rule that would measure nothing of its own: requests alone are counted of others, too."""
        names = {"deployment": deployment, "endpoint": endpoint}
        for rule in (rule for part in (self, *self.profiles) for rule in part.rules):
            condition = rule.parsed[0]
            for one in condition.where:
                name = names.get(one.dimension)
                elsewhere = one.dimension == "deployment" and condition.by_deployment
                if name is not None and not elsewhere and not one.takes(name):
                    raise ValueError(
                        f"{rule.condition!r} leaves out its own {one.dimension} {name!r}; a rule measures the deployment "
                        "in whose file it stands (RequestsPerMinute alone may count others of its endpoint)"
                    )

    def check_beside(self, *, by_target: bool) -> None:
        """Raise ValueError when it does not go together with what `scale_settings` says."""
        ruled = bool(self.rules) or any(profile.rules for profile in self.profiles)
        if not by_target:
            if self.calm is not None:
                raise ValueError(
                    "zaffre.autoscale.calm means something with scale_settings.type target_utilization only"
                )
            if ruled and self.max_count is None:
                raise ValueError(
                    "zaffre.autoscale has rules and no max_count, so that they could change nothing"
                )
            return
        if ruled:
            raise ValueError(
                "give either rules in zaffre.autoscale or scale_settings.type target_utilization, not both"
            )
        if self.min_count is not None or self.max_count is not None:
            raise ValueError(
                "with scale_settings.type target_utilization, give min_instances and max_instances there, "
                "not min_count and max_count in zaffre.autoscale"
            )

    def _check_bounds(self, profile: ScaleProfile) -> None:
        low = profile.min_count if profile.min_count is not None else self.min_count
        high = profile.max_count if profile.max_count is not None else self.max_count
        if low is not None and high is not None and low > high:
            raise ValueError(f"profile {profile.name!r}: min_count ({low}) is above max_count ({high})")


def _clash(one: ScaleProfile, other: ScaleProfile) -> str:
    """A moment that both cover, in words, or nothing. A fixed date goes before a recurrence, so these do not clash."""
    if one.recurrence is not None and other.recurrence is not None:
        moment = recurring.overlap(one.recurrence, other.recurrence)
        zone = one.recurrence.zone()
        return f"{moment.astimezone(zone):%A at %H:%M} ({one.recurrence.timezone})" if moment else ""
    if one.fixed_date is not None and other.fixed_date is not None:
        begins = max(one.fixed_date.span()[0], other.fixed_date.span()[0])
        ends = min(one.fixed_date.span()[1], other.fixed_date.span()[1])
        return f"{begins:%Y-%m-%d at %H:%M} (UTC)" if begins < ends else ""
    return ""
