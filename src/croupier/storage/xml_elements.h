#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::storage {

/// Visit the elements of a document in the order in which they end.
///
/// For answers of services: elements and text, with the entities of XML itself. Attributes,
/// comments and processing instructions are skipped; a document type, which could define entities,
/// is refused. Memory is that of one text and 16 names, cost is linear.
/// \param visit is given the names of the element and those around it, outermost first, and the
///        text that is directly in it; may fail, which ends the visit
/// \return SerializationError if it is not well-formed, or elements are nested more than 16 deep
arrow::Status VisitXml(std::string_view xml,
                       const std::function<arrow::Status(std::span<const std::string_view> path,
                                                         std::string text)>& visit);

/// Find the text of the first element of a name, anywhere.
///
/// \return empty if there is none, or the document is malformed before its end
std::string XmlText(std::string_view xml, std::string_view element);

/// Write a text so that it can stand in an element.
std::string EscapeXml(std::string_view text);

}  // namespace croupier::storage
