/** A style sheet as text, for trees of their own. */
declare module "*.css?inline" {
  const css: string;
  export default css;
}
