var express = require('express4');
var router = express.Router();

/* GET users listing. */
router.get('/', function(req, res, next) {
  res.cookie('visited', 'yes', { httpOnly: true });
  res.send('respond with a resource, ' + (req.cookies.name || 'stranger'));
});

module.exports = router;
