export default eventHandler(() => {
  return 'Start by editing <code>server/routes/index.ts</code>.';
});
