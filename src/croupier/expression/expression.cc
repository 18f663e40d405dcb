#include "croupier/expression.h"

#include <algorithm>

#include <arrow/array/array_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/utf8.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/arrow_kernels.h"
#include "croupier/expression/binder.h"
#include "croupier/expression/parser.h"
#include "croupier/expression/type_names.h"

namespace croupier {

namespace {

void CollectColumns(const expression::Node& node, std::vector<ColumnPath>* columns) {
  if (node.kind == expression::NodeKind::kColumn &&
      std::find(columns->begin(), columns->end(), node.path) == columns->end()) {
    columns->push_back(node.path);
  }
  for (const auto& child : node.children) CollectColumns(*child, columns);
}

// A context that starts no thread.
arrow::compute::ExecContext MakeContext(arrow::MemoryPool* pool) {
  arrow::compute::ExecContext context(pool == nullptr ? DefaultMemoryPool() : pool);
  context.set_use_threads(false);
  return context;
}

}  // namespace

arrow::Result<Expression> Expression::Parse(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return arrow::Status::CapacityError("an expression has up to ", kMaxTextBytes,
                                        " bytes; this has ", text.size());
  }
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(text)) {
    return arrow::Status::Invalid("an expression must be UTF-8 text");
  }
  ARROW_ASSIGN_OR_RAISE(auto root, expression::ParseExpression(text));
  Expression result;
  result.text_ = std::make_shared<const std::string>(text);
  result.root_ = std::move(root);
  return result;
}

std::string Expression::ToString() const { return expression::ToSql(*root_); }

std::vector<ColumnPath> Expression::columns() const {
  std::vector<ColumnPath> columns;
  CollectColumns(*root_, &columns);
  return columns;
}

arrow::Result<BoundExpression> Expression::Bind(std::shared_ptr<arrow::Schema> schema) const {
  return Bind(std::move(schema), /*is_filter=*/false);
}

arrow::Result<BoundExpression> Expression::BindToInputs(
    const std::shared_ptr<arrow::Schema>& schema) const {
  ARROW_ASSIGN_OR_RAISE(const auto bound, Bind(schema));
  arrow::FieldVector inputs;
  for (const ColumnPath& path : bound.columns()) {
    const bool is_there = std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
      return input->name() == path.front();
    });
    if (!is_there) inputs.push_back(schema->GetFieldByName(path.front()));
  }
  return Bind(arrow::schema(std::move(inputs)));
}

arrow::Result<BoundExpression> Expression::BindFilter(std::shared_ptr<arrow::Schema> schema) const {
  return Bind(std::move(schema), /*is_filter=*/true);
}

arrow::Result<BoundExpression> Expression::Bind(std::shared_ptr<arrow::Schema> schema,
                                                bool is_filter) const {
  ARROW_RETURN_NOT_OK(expression::CheckKernels());
  auto context = MakeContext(nullptr);
  ARROW_ASSIGN_OR_RAISE(auto bound,
                        expression::BindNode(*root_, *schema, *text_, is_filter, &context));
  BoundExpression result;
  result.text_ = text_;
  result.root_ = std::move(bound.root);
  result.schema_ = std::move(schema);
  result.columns_ = std::move(bound.columns);
  return result;
}

const std::shared_ptr<arrow::DataType>& BoundExpression::type() const { return root_->type(); }

arrow::Result<std::shared_ptr<arrow::Array>> BoundExpression::Evaluate(
    const arrow::RecordBatch& batch, arrow::MemoryPool* pool) const {
  if (batch.schema() != schema_ && !batch.schema()->Equals(*schema_, /*check_metadata=*/false)) {
    return arrow::Status::TypeError(
        "an expression was bound to another schema than that of a batch: ", schema_->ToString(),
        "\nand not\n", batch.schema()->ToString());
  }
  auto context = MakeContext(pool);
  ARROW_ASSIGN_OR_RAISE(auto value, root_->Evaluate({&batch, &context, *text_, nullptr}));
  if (value.is_array()) return value.make_array();
  return arrow::MakeArrayFromScalar(*value.scalar(), batch.num_rows(), context.memory_pool());
}

arrow::Result<std::shared_ptr<arrow::BooleanArray>> BoundExpression::EvaluateFilter(
    const arrow::RecordBatch& batch, arrow::MemoryPool* pool) const {
  if (type()->id() != arrow::Type::BOOL) {
    return expression::ErrorAt(
        arrow::StatusCode::TypeError, *text_, root_->place(),
        "a filter must be true or false, and this is of type " + expression::ArrowName(*type()));
  }
  ARROW_ASSIGN_OR_RAISE(auto values, Evaluate(batch, pool));
  if (values->null_count() > 0) {
    auto context = MakeContext(pool);
    ARROW_ASSIGN_OR_RAISE(auto filled, arrow::compute::CallFunction(
                                           "coalesce", {values, arrow::Datum(false)}, &context));
    values = filled.make_array();
  }
  return std::static_pointer_cast<arrow::BooleanArray>(std::move(values));
}

}  // namespace croupier
