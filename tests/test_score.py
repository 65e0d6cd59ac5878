"""score: what a post is given for a number, and when it is given none."""

from __future__ import annotations

import pytest

from workers.lexicon import Lexicon
from workers.score import SCORER, Explanation, Scorer, Sentiment, Unscored


def compound(text: str, *, own: tuple[str, ...] = (), lexicon: dict[str, float] | None = None) -> float:
    answer = Scorer(own, Lexicon(lexicon or {}, "test")).score([(text, "en")])[0]
    assert isinstance(answer, Sentiment), answer
    return answer.compound


def judged(text: str, lang: str | None = None) -> Sentiment | Unscored:
    return Scorer().score([(text, lang)])[0]


def test_answers_come_in_the_order_of_the_texts() -> None:
    answers = Scorer().score([("I love it", "en"), ("", None), ("das ist gut", "de"), ("I hate it", "en-GB")])
    kinds = [a.compound > 0 if isinstance(a, Sentiment) else a.reason for a in answers]
    assert kinds == [True, "empty", "lang:de", False]


def test_the_version_stands_beside_the_score() -> None:
    answer = judged("I love it", "en")
    assert isinstance(answer, Sentiment)
    assert answer.version == SCORER
    assert answer.negative + answer.neutral + answer.positive == pytest.approx(1, abs=0.002)


# what phones and platforms do to a text


@pytest.mark.parametrize(
    "written", ["can’t", "canʼt", "can´t", "can`t", "can&#x27;t", "can&amp;#39;t", "can＇t"]
)
def test_an_iphone_apostrophe_does_not_flip_a_negation(written: str) -> None:
    assert compound(f"I {written} recommend this") == compound("I can't recommend this") < 0


def test_a_soft_hyphen_does_not_hide_a_word() -> None:
    assert compound("a terri\u00adble\u200b day") == compound("a terrible day")


def test_glued_sentences_are_read_apart() -> None:
    assert compound("two hours late.Terrible") == compound("two hours late. Terrible")
    assert compound("late,terrible") == compound("late, terrible")
    assert compound("late...terrible!never again") == compound("late... terrible! never again")


@pytest.mark.parametrize("whole", ["1,000 seats", "ask example.com", "e.g. this", "v.2.0", "see a.b.C"])
def test_what_belongs_together_is_not_taken_apart(whole: str) -> None:
    assert Scorer().explain(whole).text == whole


def test_the_words_inside_a_link_weigh_nothing() -> None:
    assert compound("my bag https://example.com/terrible/hate?love!!! is here") == 0.0
    assert compound("my bag, see www.hate.example.") == 0.0


def test_what_follows_a_link_is_kept() -> None:
    assert compound("look at this https://t.co/abc😡") == compound("look at this 😡")
    assert compound("look at this https://t.co/abc😡sad") == compound("look at this 😡 sad")
    assert compound("this is bad (https://t.co/abc)!!") == compound("this is bad !!")


# emoji


@pytest.mark.parametrize(
    "angry", ["😡", "🤬", "😤", "👎", "🙃", "💀", "🙄", "😒", "🤮", "💩", "🤦🏽\u200d♀️", "💔"]
)
def test_an_angry_emoji_is_not_neutral(angry: str) -> None:
    assert compound(angry) < -0.25


@pytest.mark.parametrize("heart", ["❤️", "❤", "♥️", "💙", "🫶", "🩷", "👍🏿"])
def test_a_heart_is_a_heart_whatever_follows_it_unseen(heart: str) -> None:
    assert compound(heart) > 0.25


def test_emoji_say_the_same_apart_and_glued() -> None:
    assert compound("no bag😡😡") == compound("no bag 😡 😡")


# names


def test_our_own_name_does_not_make_a_complaint_friendly() -> None:
    assert compound("United and my bag") > 0
    for text in ("United and my bag", "#united and my bag", "UNITED and my bag", "@united and my bag"):
        assert compound(text, own=("United",)) == 0.0, text
    assert compound("no more Best Buy and best  buy for me", own=("Best Buy",)) < 0
    assert compound("they lost it, Yahoo!", own=("Yahoo!",)) == compound("they lost it")


def test_a_name_that_is_a_word_is_masked_only_where_it_is_a_name() -> None:
    assert compound("we stand united", own=("United",)) == compound("we stand united") > 0
    assert compound("flying united today", own=("united",)) == 0.0
    assert compound("Joyful", own=("Joy",)) == compound("Joyful")


@pytest.mark.parametrize("handle", ["@joy", "@love_bank", "@hate.bsky.social", "@Joy@town.example"])
def test_nobodys_handle_weighs_anything(handle: str) -> None:
    assert compound(f"{handle} where is my bag") == 0.0


@pytest.mark.parametrize(
    "sentence", ["not {} good", "not the {} good", "not like {} is good", "isn't it {} GOOD"]
)
def test_a_masked_name_keeps_its_place_in_the_sentence(sentence: str) -> None:
    neutral = compound(sentence.format("Table"))
    assert compound(sentence.format("United"), own=("United",)) == neutral
    assert compound(sentence.format("@united")) == neutral


def test_a_name_of_two_words_takes_the_place_of_two() -> None:
    neutral = compound("not Table Chair is good")
    assert compound("not Best Buy is good", own=("Best Buy",)) == neutral > 0


def test_a_masked_name_shouts_only_if_it_was_shouted() -> None:
    assert compound("UNITED IS TERRIBLE", own=("United",)) == compound("TABLE IS TERRIBLE")
    assert compound("United IS TERRIBLE", own=("United",)) == compound("Table IS TERRIBLE")


def test_a_mail_address_is_no_handle() -> None:
    assert Scorer().explain("ask bob@example.com").text == "ask bob@example.com"


# language


def test_german_die_opens_nothing() -> None:
    assert judged("Die Lieferung ist immer noch nicht da") == Unscored("lang:de", "de")


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("No tengo ni idea de dónde está mi pedido", "es"),
        ("Toujours pas de nouvelles de ma commande, merci", "fr"),
        ("A entrega não chegou e ninguém responde", "pt"),
        ("Was will er denn so von mir, der alte Mann", "de"),
        ("Посылка не пришла", "ru"),
        ("你好", "zh"),
    ],
)
def test_other_languages_are_told_not_scored(text: str, lang: str) -> None:
    assert judged(text) == Unscored(f"lang:{lang}", lang)


@pytest.mark.parametrize("tag", ["de", "de-AT", "pt_BR", "DE"])
def test_the_platforms_own_field_goes_first(tag: str) -> None:
    assert judged("this is what the platform calls foreign", tag) == Unscored(
        f"lang:{tag[:2].lower()}", tag[:2].lower()
    )


@pytest.mark.parametrize("tag", ["und", "zxx", "mul", "qme", "", " ", "x-y-z-nonsense", "1"])
def test_a_field_that_names_no_language_is_no_answer(tag: str) -> None:
    answer = judged("they still have not sent my money back", tag)
    assert isinstance(answer, Sentiment)
    assert answer.lang == "en"


def test_a_client_set_to_english_does_not_make_russian_english() -> None:
    assert judged("Посылка так и не пришла", "en") == Unscored("lang:ru", "ru")


@pytest.mark.parametrize("text", ["refund", "truly awful", "👍", "@united awful", "#fail"])
def test_what_is_too_short_to_tell_is_scored_and_said_to_be(text: str) -> None:
    answer = judged(text)
    assert isinstance(answer, Sentiment)
    assert answer.lang == "und"


def test_the_words_of_emoji_do_not_make_a_german_post_english() -> None:
    assert judged("Lieferung wieder verspätet 😡😡😡😡😡😡") == Unscored("lang:de", "de")


# what cannot be scored


@pytest.mark.parametrize(
    "text", ["", " \n", "!!! ...", "123 456", "@united", "@a.bsky.social @x@town.example", "\ufe0f"]
)
def test_nothing_to_score_is_never_neutral(text: str) -> None:
    assert judged(text, "en") == Unscored("empty")


@pytest.mark.parametrize("text", ["https://t.co/abc", "@united https://t.co/abc", "www.example.com !!"])
def test_a_post_of_links_alone_is_media_only(text: str) -> None:
    assert judged(text, "en") == Unscored("media_only")


@pytest.mark.parametrize("text", [":)", ":-(", "😡", "<3", "&lt;3"])
def test_an_emoticon_is_something_to_score(text: str) -> None:
    assert isinstance(judged(text), Sentiment)


@pytest.mark.parametrize("text", ["\x00 bad", "bad \ud800 bad", "bad\u2028bad", "\U000e0067 bad"])
def test_odd_characters_do_not_raise(text: str) -> None:
    assert isinstance(judged(text, "en"), Sentiment)


# why


def explained(text: str, lexicon: dict[str, float] | None = None) -> Explanation:
    return Scorer((), Lexicon(lexicon or {}, "test")).explain(text)


def test_the_words_add_up_to_the_score() -> None:
    why = explained("Not good, but the crew was VERY kind!! Sort of a bad day though?? 😡")
    assert sum(word.weight for word in why.words) + why.emphasis == why.total
    assert why.compound == round(why.total / (why.total**2 + 15) ** 0.5, 4)
    assert [word.word for word in why.words] == ["good", "kind", "bad", "furious"]
    assert [word.base for word in why.words] == [1.9, 2.4, -2.5, -2.7]


def test_what_is_explained_is_what_is_scored() -> None:
    text = "I can’t believe @united lost it again!! 😡 https://t.co/x"
    assert explained(text).compound == compound(text)


def test_an_empty_text_has_an_empty_explanation() -> None:
    assert explained("") == Explanation("", (), 0.0, 0.0, 0.0)


# an organisation's lexicon


def test_a_lexicon_adds_words_and_phrases() -> None:
    lexicon = {"outage": -2.0, "Still  Waiting": -1.5}
    assert compound("another outage") == 0.0
    assert (
        compound("another outage", lexicon=lexicon)
        == compound("outages: another outage", lexicon=lexicon)
        < 0
    )
    why = explained("I am STILL waiting", lexicon=lexicon)
    assert [(word.word, word.weight) for word in why.words] == [("STILL waiting", -1.5)]


def test_a_lexicon_overrides_and_silences() -> None:
    assert compound("please help", lexicon={"please": 0, "help": 0}) == 0.0
    assert compound("PLEASE look", lexicon={"please": 0}) == 0.0
    assert compound("it is sick", lexicon={"sick": 3}) > 0 > compound("it is sick")


def test_one_organisations_lexicon_is_not_anothers() -> None:
    ours = Scorer((), Lexicon({"table": -4}, "test"))
    theirs = Scorer()
    for _ in range(2):
        assert isinstance(first := ours.score([("a table", "en")])[0], Sentiment)
        assert isinstance(second := theirs.score([("a table", "en")])[0], Sentiment)
        assert first.compound < 0 == second.compound


@pytest.mark.parametrize("weight", [4.1, -5, float("nan"), float("inf")])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="between -4 and 4"):
        Lexicon({"bad": weight}, "test")
