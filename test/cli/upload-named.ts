/** An upload as a person would write it, with its text. */
export function uploadNamed(batch_id: string) {
  const upload = {
    batch_id,
    ecosystem: "npm",
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: 2,
    results: [
      { recipe_name: "left-pad", ecosystem: "npm", result: "passed" },
      { recipe_name: `é🙂 ${batch_id}`, ecosystem: "npm", result: "failed", error_message: "no" },
    ],
  };
  return { ...upload, text: JSON.stringify(upload) };
}
