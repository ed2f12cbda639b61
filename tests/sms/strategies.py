"""What the property tests of text draw from."""

from hypothesis import strategies as st

from smsd.sms.alphabet import GSM
from smsd.sms.coding import Language

languages = st.none() | st.sampled_from(Language)

gsm_text = st.text(st.sampled_from(sorted(GSM.characters)))

# Any text, and texts of the letters that matter: those of GSM, an escaped one, one beyond, an emoji.
texts = (
    st.text()
    | st.text(st.sampled_from("aZ@Δ€[^\f\n ¡*"), min_size=120, max_size=700)
    | st.text(st.sampled_from("aЖ😀€"), min_size=50, max_size=400)
    | st.text(st.sampled_from("aşğİçĞÁúãÕअकঅಡ௮€1,"), max_size=400)
)

# Well-formed information elements that say nothing of concatenation or language.
udhs = st.lists(
    st.tuples(st.integers(0x70, 0x7F), st.binary(max_size=12)).map(
        lambda element: bytes((element[0], len(element[1]))) + element[1]
    ),
    max_size=3,
).map(b"".join)
