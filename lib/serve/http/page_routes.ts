/** Routes of the page for people. */
import { pageFile, pageFiles } from "../page/assets.ts";
import { type Route, route } from "./route.ts";

/** The routes of the page: it holds nothing of the state, and asks for that with the token that it is given. */
export function pageRoutes(): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/",
      about: "Shows a page: jobs, their curves, a form for new ones, predictions of images",
      open: true,
      looks: true,
      parameters: {},
      answers: { 200: { about: "The page", type: "text/html" } },
      run: () => pageFile("page.html"),
    }),
    route({
      method: "GET",
      path: "/page/:file",
      about: "Gives a file of the page: scripts, styles, icon",
      open: true,
      looks: true,
      parameters: { file: { in: "path", kind: "choice", choices: pageFiles, help: "The file" } },
      answers: { 200: { about: "The file", type: "*/*" } },
      run: ({ values }) => pageFile(values.file),
    }),
  ];
}
