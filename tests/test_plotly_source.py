"""The part of plotly that goes into a page."""

import re

from nsysprof.render.plotly_source import CHARTS, plotly_source, with_charts

BUNDLE = (
    "var Plotly=(()=>{var W=(e)=>e;"
    'var a1=W((e,t)=>{"use strict";t.exports={moduleType:"trace",name:"bar",base:1}});'
    'var a2=W((e,t)=>{"use strict";t.exports=a1()});'
    'var $b=W((e,t)=>{t.exports={moduleType:"trace",name:"surface"}});'
    'var c=W((e,t)=>{t.exports={moduleType:"component",name:"calendars"}});'
    "var all=W((e,t)=>{var r=core();r.register([a2(),$b(),c()]);t.exports=r});return all()})();"
)


def test_only_the_charts_that_are_drawn_are_registered() -> None:
    assert "r.register([a2()])" in with_charts(BUNDLE, frozenset({"bar"}))


def test_modules_that_nothing_asks_for_are_emptied() -> None:
    left = with_charts(BUNDLE, frozenset({"bar"}))
    assert "var $b=W(()=>{});var c=W(()=>{});var all=W((e,t)=>{" in left
    assert left.startswith(BUNDLE[: BUNDLE.index("$b=W(")])


def test_modules_stay_where_something_else_stands_between_them() -> None:
    odd = BUNDLE.replace("var c=W(", "let more=1;var c=W(")
    assert with_charts(odd, frozenset({"bar"})) == odd.replace("a2(),$b(),c()", "a2()")


def test_a_bundle_of_another_form_is_taken_whole() -> None:
    assert with_charts(BUNDLE, frozenset({"bar", "box"})) == BUNDLE
    assert with_charts(BUNDLE + BUNDLE, frozenset({"bar"})) == BUNDLE + BUNDLE
    assert with_charts("var Plotly = {};", frozenset({"bar"})) == "var Plotly = {};"


def test_the_installed_plotly_is_understood() -> None:
    registered = re.search(r"\.register\(\[([^\]]*)\]\)", plotly_source())
    assert registered is not None
    assert registered[1].count("()") == len(CHARTS)
    assert len(plotly_source()) < 1_500_000
