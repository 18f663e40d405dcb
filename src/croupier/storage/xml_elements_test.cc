#include "croupier/storage/xml_elements.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace croupier::storage {
namespace {

// The elements as "outer/inner=text", by their ends.
std::vector<std::string> ElementsOf(std::string_view xml) {
  std::vector<std::string> elements;
  const auto status = VisitXml(xml, [&](auto path, std::string text) {
    std::string joined;
    for (const auto name : path) joined.append(joined.empty() ? "" : "/").append(name);
    elements.push_back(joined + "=" + text);
    return arrow::Status::OK();
  });
  if (!status.ok()) elements.push_back(status.message());
  return elements;
}

TEST(VisitXmlTest, VisitsElementsWithTheirPathAndText) {
  EXPECT_EQ(ElementsOf("<?xml version=\"1.0\"?>\n<List xmlns=\"http://x/\">"
                       "<Key a='1' >one</Key ><None/><Deep><Key>t<!-- <Key> -->wo</Key></Deep>"
                       "</List>\n"),
            (std::vector<std::string>{"List/Key=one", "List/None=", "List/Deep/Key=two",
                                      "List/Deep=", "List="}));
}

TEST(VisitXmlTest, KnowsTheEntitiesOfXmlAndCharactersByNumber) {
  EXPECT_EQ(ElementsOf("<a>&lt;&amp;lt;&quot;&apos;&gt;&#65;&#xE9;&#x20AC;&#x1F600;</a>"),
            std::vector<std::string>{"a=<&lt;\"'>A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"});
  EXPECT_EQ(EscapeXml("<&\"'>é"), "&lt;&amp;&quot;&apos;&gt;é");
}

TEST(VisitXmlTest, WhatIsMalformedIsAnError) {
  for (const char* xml : {"",
                          " ",
                          "text",
                          "<",
                          "<a",
                          "<a>",
                          "<a></b>",
                          "</a>",
                          "<a/><b/>",
                          "<a/>text",
                          "<>",
                          "</>",
                          "<a>&</a>",
                          "<a>&amp</a>",
                          "<a>&none;</a>",
                          "<a>&#0;</a>",
                          "<a>&#xD800;</a>",
                          "<a>&#x110000;</a>",
                          "<a>&#99999999999;</a>",
                          "<a>&#;</a>",
                          "<a><![CDATA[x]]></a>",
                          "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                          "<a><b></a></b>",
                          "<!-- <a/>",
                          "<?xml"}) {
    const auto status = VisitXml(xml, [](auto, std::string) { return arrow::Status::OK(); });
    EXPECT_TRUE(status.IsSerializationError()) << xml << ": " << status;
  }
}

TEST(VisitXmlTest, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    std::string xml;
    for (size_t i = 0; i < depth; ++i) xml += "<a>";
    for (size_t i = 0; i < depth; ++i) xml += "</a>";
    return xml;
  };
  const auto ignore = [](auto, std::string) { return arrow::Status::OK(); };
  EXPECT_TRUE(VisitXml(nested(16), ignore).ok());
  EXPECT_TRUE(VisitXml(nested(17), ignore).IsSerializationError());
  EXPECT_TRUE(VisitXml(nested(1000000), ignore).IsSerializationError());
}

TEST(VisitXmlTest, AnErrorOfTheVisitorEndsIt) {
  int num_visits = 0;
  const auto status = VisitXml("<a><b/><c/></a>", [&](auto, std::string) {
    ++num_visits;
    return arrow::Status::Invalid("enough");
  });
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_EQ(num_visits, 1);
}

TEST(XmlTextTest, FindsTheTextOfAnElement) {
  EXPECT_EQ(XmlText("<a><Code>x&lt;&amp;&quot;</Code></a>", "Code"), "x<&\"");
  EXPECT_EQ(XmlText("<a><Code>1</Code><Code>2</Code></a>", "Code"), "1");
  for (const char* text :
       {"", "<", "<Code>", "<Code>abc", "<Codes>x</Codes>", "Code>x<", "</Code>", "<Code/>"}) {
    EXPECT_EQ(XmlText(text, "Code"), "") << text;
  }
}

}  // namespace
}  // namespace croupier::storage
