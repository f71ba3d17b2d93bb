"""An assessment in one English sentence, written when it is made and kept as written."""

from typing import assert_never

from prefixd.correlation.assessment import Assessment, Missing, Need
from prefixd.domain.group import EvidenceState


def sentence(assessment: Assessment) -> str:
    """For example `2 of 2 sources agree (fastnetmon, alertmanager), confidence 0.89 ≥ 0.70`."""
    if assessment.forced:
        return "an operator's word is enough by itself"
    if assessment.bypass:
        return f"{assessment.bypass} alone is enough: its report passes the bypass"
    if not assessment.agrees:
        needs = "; ".join(need_text(missing) for missing in assessment.missing)
        return f"agreed earlier, now {needs}" if assessment.met else needs
    rule = assessment.rule
    firing = sorted(
        {
            item.source
            for item in assessment.inputs
            if item.state is EvidenceState.FIRING and item.counted
        }
    )
    return (
        f"{assessment.sources} of {rule.min_sources} sources agree ({', '.join(firing)}), "
        f"confidence {assessment.confidence:.2f} ≥ {rule.confidence_threshold:.2f}"
    )


def need_text(missing: Missing) -> str:
    match missing.need:
        case Need.SOURCE:
            return f"need {missing.want:g} sources, have {missing.have:g}"
        case Need.PRIMARY_SOURCE:
            return f"need {missing.want:g} primary sources, have {missing.have:g}"
        case Need.CONFIDENCE:
            return f"need confidence {missing.want:.2f}, have {missing.have:.2f}"
        case Need.FRESH_PRIMARY:
            return "no primary source fires now"
        case _:
            assert_never(missing.need)
