/** Vite takes style sheets in by importing them. */
declare module "*.css";
