/** llama.cpp's words for a file's type, such as `Q4_K - Medium`, `Q8_0` or `MXFP4 MoE`. */
const FILE_TYPE = /\b(I?Q\d\w*|TQ\d\w*|MXFP4|BF16|F16|F32)\b(?: - (Small|Medium|Large))?/

/** The quantization in llama.cpp's description of a model, as files and Ollama name it: `Q4_K_M`. */
export function quantizationOf(description: string): string | undefined {
  const [, type, size] = FILE_TYPE.exec(description) ?? []
  return type === undefined || size === undefined ? type : `${type}_${size.charAt(0)}`
}
