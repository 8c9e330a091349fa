"""Who may switch to whom: trust policies, asked about one switch."""

from functools import lru_cache

from minori.codec.permission.trust import Trust, parse_trust_policy
from minori.errors import InvalidPermission
from minori.model.registry import Principal, holder_srn
from minori.service.permissions import Context, permits

_REMEMBERED = 64  # policies that are kept read


def trusts(policy: str | None, origin: Principal, context: Context) -> bool:
    """Whether a user with this trust policy lets somebody switch to him; `context` is that one's call.

    As with permissions, one `deny` refuses whatever else there is, and no statement that names the one who asks trusts
    nobody. The root user is not his users, nor they him (documented). A policy that cannot be read any more trusts
    nobody (our choice). Never raises.
    """
    if policy is None:
        return False
    holder = holder_srn(origin.operator_id, origin.user_name)
    return permits([each for each in _kept(policy) if holder in each.holders], context)


@lru_cache(_REMEMBERED)
def _kept(policy: str) -> tuple[Trust, ...]:
    try:
        return parse_trust_policy(policy)
    except InvalidPermission:
        return ()
