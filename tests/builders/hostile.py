"""Names that would run or break a page which does not escape them."""

from __future__ import annotations

HOSTILE = 'crouch</script><img src=x onerror="window.hacked=1"><b>&amp;$x^{2}$\''

CONDITION = 'fast"><svg onload=window.hacked=2>'
