"""The vendor's optional parameters by which a receipt says what is known of a number.

Texts end with a zero, but for the IMSI and the serving MSC, which are bare digits; numbers have four octets.
"""

from typing import Final

IMSI: Final = 0x1403
SERVING_MSC: Final = 0x1406
SERVING_HLR: Final = 0x1409
ORIGINAL_PREFIX: Final = 0x140B
ORIGINAL_NAME: Final = 0x1412
PORTED_NAME: Final = 0x1413
ROAMING_NAME: Final = 0x1414
ROAMING_COUNTRY_NAME: Final = 0x1415
MCCMNC: Final = 0x1416
ROAMING_COUNTRY_CODE: Final = 0x1417
PRICE: Final = 0x1418
ROAMING_PREFIX: Final = 0x1419
ROAMING_COUNTRY_PREFIX: Final = 0x1420
IS_PORTED: Final = 0x1421
ORIGINAL_COUNTRY_NAME: Final = 0x1422
ORIGINAL_COUNTRY_CODE: Final = 0x1423
ORIGINAL_COUNTRY_PREFIX: Final = 0x1424
IS_CORRECT: Final = 0x1425
PORTED_PREFIX: Final = 0x143E
PORTED_COUNTRY_NAME: Final = 0x143F
PORTED_COUNTRY_PREFIX: Final = 0x1442
