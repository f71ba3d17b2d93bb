"""Names for identifiers, so that a group id cannot be passed where a mitigation id is wanted.

All are UUID texts made at the edge (version 7, so that rows sort by age). Pure code never makes
one: its caller passes the ids in, which is why the same inputs give the same record.
"""

from typing import NewType

SignalId = NewType("SignalId", str)
GroupId = NewType("GroupId", str)
IncidentId = NewType("IncidentId", str)
DecisionId = NewType("DecisionId", str)
MitigationId = NewType("MitigationId", str)
OperatorId = NewType("OperatorId", str)
TokenId = NewType("TokenId", str)
AuditId = NewType("AuditId", str)
