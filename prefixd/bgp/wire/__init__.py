"""BGP-4 messages as values: decode, judge, encode. Standard library only, no I/O, no clock.

reader                the cursor over received bytes
iana, errors          numbers and names; what can be wrong and what it costs (RFC 7606)
context, header       what was negotiated; cutting messages out of a stream
message               the union of open, update, notification, ROUTE-REFRESH and KEEPALIVE
attribute             every path attribute and its table; attribute_list walks and writes them
scalar, as_path, community, mp_reach      the attributes themselves
outcome               what an UPDATE does to the tables of its receiver
prefix, flowspec*     what is routed, and what is filtered: rules, operators, text, actions
packing               many routes into few UPDATEs
"""
