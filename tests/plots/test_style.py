"""Texts and numbers of the common style."""

import pytest

from plots import ENDS, style


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01, "0.01"),
        (16, "16"),
        (1.386294, "1.38629"),
        (2000, "2,000"),
        (-0.5, "-0.5"),
        (1e5, "$10^{5}$"),
        (3e-7, r"$3\times10^{-7}$"),
        (2.5e30, r"$2.5\times10^{30}$"),
    ],
)
def test_numbers_are_short(value, text):
    assert style.number(value) == text


def test_shortening_keeps_both_ends_and_the_length_asked_for():
    assert style.shorten("abc", 3) == "abc"
    short = style.shorten("head" + "x" * 100 + "tail", 11)
    assert len(short) == 11
    assert short.startswith("head")
    assert short.endswith("tail")


def test_every_ending_has_a_look_and_a_word_of_its_own():
    assert set(style.ENDINGS) == {*ENDS, None}
    assert len({ending.word for ending in style.ENDINGS.values()}) == len(style.ENDINGS)
    assert len({(ending.marker, ending.colour) for ending in style.ENDINGS.values()}) == len(style.ENDINGS)


def test_a_group_looks_the_same_whatever_others_are_shown():
    study = [f"g{i}" for i in range(40)]
    whole = style.looks(study, study)
    for shown in (["g3"], ["g39", "g17"], study[20:25]):
        assert style.looks(shown, study) == {group: whole[group] for group in sorted(shown, key=study.index)}
    assert style.looks(["new"], study)["new"] == style.looks([*study, "new"])["new"]


def test_looks_of_a_large_study_differ_and_lines_have_markers_only_where_they_must():
    looks = list(style.looks([f"g{i}" for i in range(120)]).values())
    assert len(set(looks)) == 120
    assert len({(look.colour, look.dash) for look in looks[:24]}) == 24
    assert not style.need_markers(looks[:24])
    assert style.need_markers([looks[0], looks[24]])
    assert not {look.marker for look in looks} & ({ending.marker for ending in style.ENDINGS.values()} - {"o"})


def test_texts_that_would_be_shortened_alike_are_told_by_what_differs():
    texts = [f"gru hidden=16 lr={lr} batch=20 omega=0.5 seed_of_data=1" for lr in (0.01, 0.1)]
    assert len({style.shorten(text, 24) for text in texts}) == 1
    assert style.shorten_apart(texts, 24) == {texts[0]: "… lr=0.01", texts[1]: "… lr=0.1"}
    assert style.shorten_apart(["abc", texts[0]], 24) == {"abc": "abc", texts[0]: style.shorten(texts[0], 24)}


def test_texts_without_a_telling_word_are_numbered():
    texts = ["x" * 40 + letter + "x" * 40 for letter in "abc"]
    shown = list(style.shorten_apart(texts, 20).values())
    assert [text[-3:] for text in shown] == [" #1", " #2", " #3"]
    assert {len(text) for text in shown} == {20}
