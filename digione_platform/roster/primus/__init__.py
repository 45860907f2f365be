"""Files of pupil registers such as Primus: delimited text, read and written by a mapping of the tenant's."""
